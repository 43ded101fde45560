SELECT
    action_name,
    COUNT(*) as total_count,
    COUNT(CASE WHEN result_status = 'success' THEN 1 END) as success_count,
    COUNT(CASE WHEN result_status = 'error' THEN 1 END) as error_count
FROM user_activity_logs
WHERE action_type = 'crm'
    AND timestamp >= NOW() - INTERVAL '7 days'
GROUP BY action_name
ORDER BY total_count DESC;
