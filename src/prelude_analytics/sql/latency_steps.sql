-- Percentiles by step of time, and over all (step NULL): the marks at or below which each share of the lengths lies.
SELECT step, total,
    min(mark) FILTER (WHERE upto * 100 >= total * 50) AS p50,
    min(mark) FILTER (WHERE upto * 100 >= total * 95) AS p95,
    min(mark) FILTER (WHERE upto * 100 >= total * 99) AS p99
FROM (
    SELECT step, mark, (sum(count) OVER (PARTITION BY step ORDER BY mark))::bigint AS upto,
        (sum(count) OVER (PARTITION BY step))::bigint AS total
    FROM (
        SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, mark, sum(count) AS count
        FROM ({source}) AS source GROUP BY GROUPING SETS ((1, 2), (2))
    ) AS sketch
) AS ranked
GROUP BY step, total
