SELECT
    action_name,
    entity_type,
    action_data,
    result_status,
    timestamp
FROM user_activity_logs
WHERE user_email = 'user@company.com'
    AND action_type = 'crm'
ORDER BY timestamp DESC
LIMIT 100;
