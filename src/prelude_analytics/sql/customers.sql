-- The reference's Query 4, successes counted (ruling 21), by the entity's id where action_data names no customer (ruling 2).
WITH viewed AS (SELECT * FROM ({source}) AS source),
ranked AS (
    SELECT customer_id, sum(success + error + pending + timeout)::bigint AS count, sum(success)::bigint AS success,
        sum(error)::bigint AS error, sum(pending)::bigint AS pending, sum(timeout)::bigint AS timeout,
        max(last_at) AS last_viewed, count(*) OVER () AS total
    FROM viewed GROUP BY customer_id
),
page AS (
    SELECT * FROM ranked
    WHERE %(score)s::bigint IS NULL OR success < %(score)s::bigint OR (success = %(score)s::bigint AND customer_id COLLATE "C" > %(key)s::text)
    ORDER BY success DESC, customer_id COLLATE "C" LIMIT %(limit)s::integer
),
viewers AS (
    SELECT viewed.customer_id, array_agg(DISTINCT email COLLATE "C" ORDER BY email COLLATE "C") AS users
    FROM viewed JOIN page USING (customer_id) CROSS JOIN LATERAL unnest(viewed.user_emails) AS viewer (email)
    GROUP BY viewed.customer_id
)
SELECT page.*, coalesce(viewers.users, '{}') AS users
FROM page LEFT JOIN viewers USING (customer_id) ORDER BY success DESC, customer_id COLLATE "C"
