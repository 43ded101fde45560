SELECT page_route, count, success, error, pending, timeout, total
FROM (
    SELECT page_route, sum(count)::bigint AS count,
        coalesce(sum(count) FILTER (WHERE status = 'success'), 0)::bigint AS success,
        coalesce(sum(count) FILTER (WHERE status = 'error'), 0)::bigint AS error,
        coalesce(sum(count) FILTER (WHERE status = 'pending'), 0)::bigint AS pending,
        coalesce(sum(count) FILTER (WHERE status = 'timeout'), 0)::bigint AS timeout,
        count(*) OVER () AS total
    FROM ({source}) AS source WHERE page_route <> '' GROUP BY page_route
) AS page
WHERE %(score)s::bigint IS NULL OR success < %(score)s::bigint OR (success = %(score)s::bigint AND page_route COLLATE "C" > %(key)s::text)
ORDER BY success DESC, page_route COLLATE "C" LIMIT %(limit)s::integer
