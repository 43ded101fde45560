SELECT log.user_email, (status = 'success')::integer AS success, (status = 'error')::integer AS error,
    (status = 'pending')::integer AS pending, (status = 'timeout')::integer AS timeout,
    CASE WHEN log.result_status <> 'pending' THEN log."timestamp" END AS first_at,
    CASE WHEN log.result_status <> 'pending' THEN log."timestamp" END AS last_at
FROM public.user_activity_logs AS log
CROSS JOIN LATERAL (
    SELECT CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status
) AS read
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND log.user_email <> ''
    AND {filters} AND {counted}
