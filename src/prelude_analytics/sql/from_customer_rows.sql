SELECT read.customer_id, log.action_name, (status = 'success')::integer AS success, (status = 'error')::integer AS error,
    (status = 'pending')::integer AS pending, (status = 'timeout')::integer AS timeout,
    CASE WHEN status = 'success' AND log.user_email <> '' THEN ARRAY[log.user_email] ELSE '{}' END AS user_emails,
    CASE WHEN status = 'success' THEN log."timestamp" END AS last_at
FROM public.user_activity_logs AS log
CROSS JOIN LATERAL (
    SELECT CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status,
        nullif(public.prelude_key(coalesce(
            log.action_data->>'customer_id', CASE log.action_name WHEN 'view_customer' THEN log.entity_id END
        )), '') AS customer_id
) AS read
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
    AND log.action_name IN ('view_customer', 'view_deal') AND read.customer_id IS NOT NULL AND {filters} AND {counted}
