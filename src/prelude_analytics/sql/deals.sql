-- The counts of the reference's Query 6, by step of time.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, action_name, status, sum(count)::bigint AS count
FROM ({source}) AS source WHERE action_name IN ('create_deal', 'update_deal', 'delete_deal')
GROUP BY 1, 2, 3
