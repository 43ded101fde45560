-- Rows behind a place that an index gives, newest first.
SELECT {columns} FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" <= %(at)s::timestamptz
    AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
    AND {conditions}
ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
