-- The values of the reference's Query 6, by step of time; of deals that were created.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, sum(value_count)::bigint AS value_count, sum(value_usd) AS value_usd
FROM ({source}) AS source WHERE status = 'success' GROUP BY 1
