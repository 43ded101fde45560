SELECT 0 AS bucket, log.action_name, coalesce(log.action_data->>'method', '') AS method,
    CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS result_status,
    coalesce(log.user_email, '') AS user_email, count(*) AS count
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
    AND log.action_name IN ('generate_email', 'send_email') AND {filters} AND {counted}
GROUP BY 2, 3, 4, 5
