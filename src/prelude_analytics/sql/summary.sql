-- Totals by status, by action and by step of time, in one reading.
SELECT grouping(step) = 0 AS by_step, grouping(action_name) = 0 AS by_action, step, action_type, action_name, status,
    sum(count)::bigint AS count, sum(duration_count)::bigint AS duration_count, sum(duration_sum)::bigint AS duration_sum
FROM (
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, action_type, action_name, status, count, duration_count, duration_sum
    FROM ({source}) AS source
) AS counted
GROUP BY GROUPING SETS ((status), (action_type, action_name, status), (step, status))
