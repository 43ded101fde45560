SELECT
    user_email,
    COUNT(CASE WHEN action_name = 'generate_email' THEN 1 END) as emails_generated,
    COUNT(CASE WHEN action_name = 'send_email' THEN 1 END) as emails_sent,
    COUNT(CASE WHEN action_name = 'send_email' AND action_data->>'method' = 'gmail_api_v2' THEN 1 END) as gmail_sent,
    COUNT(CASE WHEN action_name = 'send_email' AND action_data->>'method' = 'outlook_api_v2' THEN 1 END) as outlook_sent,
    COUNT(CASE WHEN action_name = 'send_email' AND action_data->>'method' = 'smtp' THEN 1 END) as smtp_sent
FROM user_activity_logs
WHERE action_type = 'crm'
    AND timestamp >= NOW() - INTERVAL '30 days'
GROUP BY user_email
ORDER BY emails_sent DESC;
