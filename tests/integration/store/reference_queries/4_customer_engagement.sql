SELECT
    action_data->>'customer_id' as customer_id,
    COUNT(*) as view_count,
    array_agg(DISTINCT user_email) as users_who_viewed
FROM user_activity_logs
WHERE action_type = 'crm'
    AND action_name IN ('view_customer', 'view_deal')
    AND timestamp >= NOW() - INTERVAL '7 days'
GROUP BY action_data->>'customer_id'
ORDER BY view_count DESC;
