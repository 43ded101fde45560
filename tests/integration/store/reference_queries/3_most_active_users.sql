SELECT
    user_email,
    COUNT(*) as activity_count,
    MAX(timestamp) as last_active
FROM user_activity_logs
WHERE action_type = 'crm'
    AND timestamp >= NOW() - INTERVAL '30 days'
GROUP BY user_email
ORDER BY activity_count DESC
LIMIT 10;
