SELECT 0 AS bucket, log.action_name, read.customer_id,
    count(*) FILTER (WHERE status = 'success') AS success, count(*) FILTER (WHERE status = 'error') AS error,
    count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'timeout') AS timeout,
    date_part('epoch', max(log."timestamp") FILTER (WHERE status = 'success')) AS last_at
FROM public.user_activity_logs AS log
CROSS JOIN LATERAL (
    SELECT CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status,
        nullif(public.prelude_key(coalesce(
            log.action_data->>'customer_id', CASE log.action_name WHEN 'view_customer' THEN log.entity_id END
        )), '') AS customer_id
) AS read
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
    AND log.action_name IN ('view_customer', 'view_deal') AND read.customer_id IS NOT NULL AND {filters} AND {counted}
GROUP BY log.action_name, read.customer_id
