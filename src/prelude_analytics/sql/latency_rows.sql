SELECT bucket, action_type, action_name, service_name, result_status, ARRAY[mark] AS marks, ARRAY[count(*)] AS counts
FROM (
    SELECT date_part('epoch', date_bin('15 minutes', log."timestamp", '1970-01-01 00:00:00+00'))::bigint AS bucket,
        log.action_type, log.action_name, coalesce(log.service_name, '') AS service_name,
        CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS result_status,
        public.prelude_mark(log.duration_ms) AS mark
    FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND log.duration_ms IS NOT NULL
        AND {filters} AND {counted}
) AS measured
GROUP BY 1, 2, 3, 4, 5, mark
