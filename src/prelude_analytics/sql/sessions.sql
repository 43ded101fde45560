-- Sessions behind a place, each where it stood at the watermark of the first page: late rows give some an earlier beginning meanwhile, and
-- what has come since says which. Rows from after the place can't bring a session behind it.
WITH newer AS MATERIALIZED (
    SELECT log.user_email, coalesce(log.session_id, '') AS session_id, min(log."timestamp") AS first_at, max(log."timestamp") AS last_at
    FROM public.user_activity_logs AS log WHERE {newer} AND log."timestamp" <= %(at)s::timestamptz
    GROUP BY 1, 2, CASE WHEN coalesce(log.session_id, '') = '' THEN date_bin('1 hour', log."timestamp", 'epoch') END
), touched AS MATERIALIZED (
    SELECT session.user_email, session.session_id, session.derived, newer.session_id AS of_rows, session.started_at, session.ended_at
    FROM newer CROSS JOIN LATERAL (
        SELECT session.* FROM public.user_session_summaries AS session
        WHERE session.user_email = newer.user_email AND session.session_id = newer.session_id AND NOT session.derived LIMIT 1
    ) AS session
    UNION
    SELECT newer.user_email, session.session_id, true, '', session.started_at, session.ended_at
    FROM newer CROSS JOIN LATERAL (
        SELECT session.session_id, session.started_at, session.ended_at FROM public.user_session_summaries AS session
        WHERE session.user_email = newer.user_email AND session.derived AND session.started_at <= newer.last_at
        ORDER BY session.started_at DESC LIMIT 60
    ) AS session
    WHERE newer.session_id = '' AND session.ended_at >= newer.first_at
), moved AS MATERIALIZED (
    SELECT touched.user_email, touched.session_id, touched.derived, began.stood_at
    FROM touched LEFT JOIN LATERAL (
        SELECT log."timestamp" AS stood_at FROM public.user_activity_logs AS log
        WHERE log.user_email = touched.user_email AND log."timestamp" >= touched.started_at AND log."timestamp" <= touched.ended_at
            AND coalesce(log.session_id, '') = touched.of_rows AND log.lane_seq <= (%(seqs)s::bigint[])[log.lane]
        ORDER BY log."timestamp" LIMIT 1
    ) AS began ON true
)
SELECT session.user_email, session.session_id, session.derived, session.started_at, session.ended_at, session.duration_ms,
    session.activity_count, session.success_count, session.error_count, session.pending_count, session.timeout_count,
    session.first_page, session.last_page, placed.stood_at
FROM (
    (
        SELECT session.user_email, session.session_id, session.derived, session.started_at AS stood_at
        FROM public.user_session_summaries AS session
        WHERE session.started_at >= %(since)s::timestamptz AND session.started_at <= %(at)s::timestamptz
            AND (session.started_at, session.user_email, session.session_id, session.derived)
                < (%(at)s::timestamptz, %(email)s::text, %(id)s::text, %(derived)s::boolean)
            AND NOT EXISTS (
                SELECT FROM moved
                WHERE moved.user_email = session.user_email AND moved.session_id = session.session_id AND moved.derived = session.derived
            )
            AND {filters} AND (session.error_count > 0 OR NOT %(with_errors)s::boolean)
        ORDER BY session.started_at DESC, session.user_email DESC, session.session_id DESC, session.derived DESC
        LIMIT %(limit)s::integer
    )
    UNION ALL
    SELECT moved.user_email, moved.session_id, moved.derived, moved.stood_at FROM moved
    WHERE moved.stood_at >= %(since)s::timestamptz AND (moved.stood_at, moved.user_email, moved.session_id, moved.derived)
        < (%(at)s::timestamptz, %(email)s::text, %(id)s::text, %(derived)s::boolean)
) AS placed
JOIN public.user_session_summaries AS session USING (user_email, session_id, derived)
WHERE {filters} AND (session.error_count > 0 OR NOT %(with_errors)s::boolean)
ORDER BY placed.stood_at DESC, session.user_email DESC, session.session_id DESC, session.derived DESC LIMIT %(limit)s::integer
