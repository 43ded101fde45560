-- Outcomes by step of time, by action and by page, in one reading.
SELECT grouping(step) = 0 AS by_step, grouping(action_name) = 0 AS by_action, step, action_type, action_name, page_route, status,
    sum(count)::bigint AS count, max(bucket) AS last_bucket
FROM (
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, bucket, action_type, action_name, page_route, status, count
    FROM ({source}) AS source
) AS counted
GROUP BY GROUPING SETS ((step, status), (action_type, action_name, status), (page_route, status))
