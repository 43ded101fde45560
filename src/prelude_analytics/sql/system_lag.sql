-- From the end of an action to its row, in milliseconds, by steps of time; of each step the newest rows alone. One line is of all steps.
-- What happened before there was a log was brought in afterwards: how late it came says nothing of the way.
SELECT step.start, count(*) AS rows, percentile_disc(0.5) WITHIN GROUP (ORDER BY newest.lag) AS p50,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY newest.lag) AS p95
FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - %(step)s::interval, %(step)s::interval) AS step (start)
CROSS JOIN LATERAL (
    SELECT (extract(epoch FROM log.created_at - log."timestamp") * 1000)::float8 - coalesce(log.duration_ms, 0) AS lag
    FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= greatest(step.start, %(began)s::timestamptz) AND log."timestamp" < step.start + %(step)s::interval
    ORDER BY log."timestamp" DESC LIMIT %(most)s::integer
) AS newest
GROUP BY GROUPING SETS ((step.start), ()) ORDER BY step.start
