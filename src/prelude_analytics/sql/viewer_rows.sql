SELECT DISTINCT 0 AS bucket, log.action_name, read.customer_id, log.user_email
FROM public.user_activity_logs AS log
CROSS JOIN LATERAL (
    SELECT CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status,
        nullif(public.prelude_key(coalesce(
            log.action_data->>'customer_id', CASE log.action_name WHEN 'view_customer' THEN log.entity_id END
        )), '') AS customer_id
) AS read
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
    AND log.action_name IN ('view_customer', 'view_deal') AND read.customer_id IS NOT NULL AND {filters} AND {counted}
    AND read.status = 'success' AND log.user_email <> ''
