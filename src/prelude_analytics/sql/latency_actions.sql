-- Percentiles by action: the marks at or below which each share of the lengths lies.
SELECT action_type, action_name, total,
    min(mark) FILTER (WHERE upto * 100 >= total * 50) AS p50,
    min(mark) FILTER (WHERE upto * 100 >= total * 95) AS p95,
    min(mark) FILTER (WHERE upto * 100 >= total * 99) AS p99
FROM (
    SELECT action_type, action_name, mark,
        (sum(count) OVER (PARTITION BY action_type, action_name ORDER BY mark))::bigint AS upto,
        (sum(count) OVER (PARTITION BY action_type, action_name))::bigint AS total
    FROM (
        SELECT action_type, action_name, mark, sum(count) AS count FROM ({source}) AS source GROUP BY action_type, action_name, mark
    ) AS sketch
) AS ranked
GROUP BY action_type, action_name, total ORDER BY total DESC, action_type, action_name
