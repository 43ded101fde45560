-- The last of the next so many rows that an index gives: how far one portion reads.
SELECT log."timestamp", log.event_id FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
    AND log."timestamp" <= %(at)s::timestamptz AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
    AND {indexed}
ORDER BY log."timestamp" DESC, log.event_id DESC OFFSET %(portion)s::integer - 1 LIMIT 1
