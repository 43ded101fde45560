-- Counts over time, a series for each key; the largest first.
SELECT key, sum(count)::bigint AS count,
    coalesce(sum(count) FILTER (WHERE status = 'success'), 0)::bigint AS success,
    coalesce(sum(count) FILTER (WHERE status = 'error'), 0)::bigint AS error,
    coalesce(sum(count) FILTER (WHERE status = 'pending'), 0)::bigint AS pending,
    coalesce(sum(count) FILTER (WHERE status = 'timeout'), 0)::bigint AS timeout,
    array_agg(step) AS steps, array_agg(count) AS counts, array_agg(status) AS statuses
FROM (
    SELECT {key} AS key, width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, status, sum(count)::bigint AS count
    FROM ({source}) AS source GROUP BY 1, 2, 3
) AS counted
GROUP BY key ORDER BY count DESC, key
