-- The first row, from the newest on, that is one too many.
SELECT log."timestamp" FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND {indexed}
ORDER BY log."timestamp" DESC OFFSET %(bound)s::bigint LIMIT 1
