SELECT bucket, result_status, count(value_usd) AS value_count, coalesce(sum(value_usd), 0) AS value_usd
FROM (
    SELECT date_part('epoch', date_bin('15 minutes', log."timestamp", '1970-01-01 00:00:00+00'))::bigint AS bucket,
        CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS result_status,
        CASE WHEN jsonb_typeof(log.action_data->'value_usd') = 'number' THEN (log.action_data->>'value_usd')::numeric END AS value_usd
    FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND log.action_name = 'create_deal'
        AND {filters} AND {counted}
) AS created
GROUP BY 1, 2
