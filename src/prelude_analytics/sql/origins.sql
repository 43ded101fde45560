-- Where activities came from: by address, and by browser.
SELECT grouping(read.address) = 0 AS by_address, coalesce(read.address, read.browser) AS key,
    count(*) FILTER (WHERE read.status = 'success') AS success, count(*) FILTER (WHERE read.status = 'error') AS error,
    count(*) FILTER (WHERE read.status = 'pending') AS pending, count(*) FILTER (WHERE read.status = 'timeout') AS timeout
FROM public.user_activity_logs AS log
CROSS JOIN LATERAL (
    SELECT coalesce(log.ip_address, '') AS address, {browser} AS browser,
        CASE WHEN log.result_status = 'pending' AND log."timestamp" < %(cut)s::timestamptz THEN 'timeout' ELSE log.result_status END AS status
) AS read
WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND {filters} AND {counted}
GROUP BY GROUPING SETS ((read.address), (read.browser))
ORDER BY count(*) DESC, 2
