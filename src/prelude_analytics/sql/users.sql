-- The reference's Query 3, successes counted (ruling 21).
SELECT person.*, profile.name, profile.role
FROM (
    SELECT user_email, count, success, error, pending, timeout, first_active, last_active, total
    FROM (
        SELECT user_email, sum(success + error + pending + timeout)::bigint AS count, sum(success)::bigint AS success,
            sum(error)::bigint AS error, sum(pending)::bigint AS pending, sum(timeout)::bigint AS timeout,
            min(first_at) AS first_active, max(last_at) AS last_active, count(*) OVER () AS total
        FROM ({source}) AS source GROUP BY user_email
    ) AS everybody
    WHERE count > 0 AND (
        %(score)s::bigint IS NULL OR success < %(score)s::bigint OR (success = %(score)s::bigint AND user_email COLLATE "C" > %(key)s::text)
    )
    ORDER BY success DESC, user_email COLLATE "C" LIMIT %(limit)s::integer
) AS person
LEFT JOIN public.user_profiles AS profile ON profile.email = person.user_email
ORDER BY success DESC, user_email COLLATE "C"
