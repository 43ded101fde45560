SELECT date_part('epoch', date_bin('15 minutes', log."timestamp", '1970-01-01 00:00:00+00'))::bigint AS bucket,
    log.action_type, log.action_name, coalesce(log.service_name, '') AS service_name, coalesce(log.entity_type, '') AS entity_type,
    coalesce(log.page_route, '') AS page_route,
    CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS result_status,
    count(*) AS count, count(log.duration_ms) AS duration_count, coalesce(sum(log.duration_ms), 0)::bigint AS duration_sum
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND {filters} AND {counted}
GROUP BY 1, 2, 3, 4, 5, 6, 7
