-- Rows behind a place, newest first; where a stop is given, none behind it.
SELECT {columns} FROM public.user_activity_logs AS log
WHERE log."timestamp" >= greatest(%(since)s::timestamptz, %(stop_at)s::timestamptz) AND log."timestamp" < %(until)s::timestamptz
    AND log."timestamp" <= %(at)s::timestamptz AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
    AND (%(stop_at)s::timestamptz IS NULL OR (log."timestamp", log.event_id) >= (%(stop_at)s::timestamptz, %(stop_id)s::uuid))
    AND {conditions}
ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
