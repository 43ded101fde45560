-- What was done in one session, in order.
SELECT {columns} FROM public.user_activity_logs AS log
WHERE {whose} AND log."timestamp" >= %(started)s::timestamptz AND log."timestamp" <= %(ended)s::timestamptz
    AND (log."timestamp", log.event_id) > (%(at)s::timestamptz, %(id)s::uuid)
    AND CASE WHEN %(derived)s::boolean THEN coalesce(log.session_id, '') = '' ELSE public.prelude_key(log.session_id, 1000) = %(session_id)s::text END
    AND {filters} AND {counted}
ORDER BY log."timestamp", log.event_id LIMIT %(limit)s::integer
