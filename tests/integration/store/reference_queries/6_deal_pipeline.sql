SELECT
    DATE(timestamp) as date,
    COUNT(CASE WHEN action_name = 'create_deal' THEN 1 END) as deals_created,
    COUNT(CASE WHEN action_name = 'update_deal' THEN 1 END) as deals_updated,
    COUNT(CASE WHEN action_name = 'delete_deal' THEN 1 END) as deals_deleted,
    SUM(CASE
        WHEN action_name = 'create_deal'
        THEN CAST(action_data->>'value_usd' AS NUMERIC)
        ELSE 0
    END) as total_value_created
FROM user_activity_logs
WHERE action_type = 'crm'
    AND timestamp >= NOW() - INTERVAL '30 days'
GROUP BY DATE(timestamp)
ORDER BY date DESC;
