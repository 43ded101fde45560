-- How long what was done on each page took, out of rows.
SELECT coalesce(log.page_route, '') AS page_route, count(*) AS count, count(log.duration_ms) AS measured,
    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY log.duration_ms) AS lengths
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND {filters} AND {counted}
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT %(limit)s
