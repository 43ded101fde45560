SELECT log."timestamp" AS bucket, log.action_type, log.action_name, public.prelude_mark(log.duration_ms) AS mark, 1 AS count
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND log.duration_ms IS NOT NULL
    AND {filters} AND {counted}
