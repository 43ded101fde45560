SELECT date_bin('15 minutes', log."timestamp", '1970-01-01 00:00:00+00') AS bucket,
    log.action_type, log.action_name, coalesce(log.service_name, '') AS service_name, coalesce(log.entity_type, '') AS entity_type,
    coalesce(log.page_route, '') AS page_route,
    CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status,
    1 AS count, (log.duration_ms IS NOT NULL)::integer AS duration_count, coalesce(log.duration_ms, 0) AS duration_sum
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND {filters} AND {counted}
