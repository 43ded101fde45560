SELECT session.user_email, session.session_id, session.derived, session.started_at, session.ended_at, session.duration_ms,
    session.activity_count, session.success_count, session.error_count, session.pending_count, session.timeout_count,
    session.first_page, session.last_page
FROM public.user_session_summaries AS session
WHERE session.started_at >= %(since)s::timestamptz AND session.started_at < %(until)s::timestamptz
    AND (session.started_at, session.user_email, session.session_id, session.derived)
        < (%(at)s::timestamptz, %(email)s::text, %(id)s::text, %(derived)s::boolean)
    AND {filters} AND (session.error_count > 0 OR NOT %(with_errors)s::boolean)
ORDER BY session.started_at DESC, session.user_email DESC, session.session_id DESC, session.derived DESC LIMIT %(limit)s::integer
