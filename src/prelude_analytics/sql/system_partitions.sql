-- Partitions of the log with their indexes, the newest first. Rows are as they were counted last, by the planner's statistics.
SELECT child.relname AS name, substring(bound.shown FROM 'FROM \(''([^'']+)''\)')::timestamptz AS "from",
    substring(bound.shown FROM 'TO \(''([^'']+)''\)')::timestamptz AS "to",
    nullif(child.reltuples, -1)::bigint AS rows, pg_total_relation_size(child.oid) AS bytes
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
CROSS JOIN LATERAL pg_get_expr(child.relpartbound, child.oid) AS bound (shown)
WHERE inhparent = 'public.user_activity_logs'::regclass ORDER BY 2 DESC LIMIT 1000
