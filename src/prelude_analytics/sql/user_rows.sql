SELECT date_part('epoch', date_bin('15 minutes', log."timestamp", '1970-01-01 00:00:00+00'))::bigint AS bucket, log.action_type, log.user_email,
    count(*) FILTER (WHERE status = 'success') AS success, count(*) FILTER (WHERE status = 'error') AS error,
    count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'timeout') AS timeout,
    date_part('epoch', min(log."timestamp") FILTER (WHERE log.result_status <> 'pending')) AS first_at,
    date_part('epoch', max(log."timestamp") FILTER (WHERE log.result_status <> 'pending')) AS last_at
FROM public.user_activity_logs AS log
CROSS JOIN LATERAL (SELECT CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status) AS read
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND log.user_email <> ''
    AND {filters} AND {counted}
GROUP BY 1, log.action_type, log.user_email
