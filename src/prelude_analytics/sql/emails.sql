-- The reference's Query 5, successes counted (ruling 21).
SELECT * FROM (
    SELECT user_email,
        coalesce(sum(count) FILTER (WHERE action_name = 'generate_email' AND status = 'success'), 0)::bigint AS generated,
        coalesce(sum(count) FILTER (WHERE action_name = 'send_email' AND status = 'success'), 0)::bigint AS sent,
        coalesce(sum(count) FILTER (WHERE action_name = 'send_email' AND status = 'success' AND method = 'gmail_api_v2'), 0)::bigint AS gmail,
        coalesce(sum(count) FILTER (WHERE action_name = 'send_email' AND status = 'success' AND method = 'outlook_api_v2'), 0)::bigint AS outlook,
        coalesce(sum(count) FILTER (WHERE action_name = 'send_email' AND status = 'success' AND method = 'smtp'), 0)::bigint AS smtp,
        sum(count)::bigint AS count,
        coalesce(sum(count) FILTER (WHERE status = 'success'), 0)::bigint AS success,
        coalesce(sum(count) FILTER (WHERE status = 'error'), 0)::bigint AS error,
        coalesce(sum(count) FILTER (WHERE status = 'pending'), 0)::bigint AS pending,
        coalesce(sum(count) FILTER (WHERE status = 'timeout'), 0)::bigint AS timeout,
        count(*) OVER () AS total
    FROM ({source}) AS source GROUP BY user_email
) AS person
WHERE %(score)s::bigint IS NULL OR sent < %(score)s::bigint OR (sent = %(score)s::bigint AND user_email COLLATE "C" > %(key)s::text)
ORDER BY sent DESC, user_email COLLATE "C" LIMIT %(limit)s::integer
