SELECT session.user_email, session.session_id, session.derived, session.started_at, session.ended_at, session.duration_ms,
    session.activity_count, session.success_count, session.error_count, session.pending_count, session.timeout_count,
    session.first_page, session.last_page
FROM public.user_session_summaries AS session
WHERE session.session_id = public.prelude_key(%(session_id)s::text, 1000) AND {filters}
ORDER BY session.started_at DESC LIMIT 3
