-- Rows behind a place that an index gives, compared one by one, newest first: those that fit, and where it stopped: the row that was compared
-- when the time was over, or the last one of so many. What stands behind the first stop is not to be looked at. Nothing is sorted, so that
-- no more is read than is compared: each level says the order, and how many it is at most is hidden from the planner, which then reckons with few.
SELECT compared.* FROM (
    SELECT {columns}, log.fits, log.late AS stop FROM (
        SELECT log.*, ({conditions}) AS fits,
            clock_timestamp() >= (SELECT clock_timestamp() + make_interval(secs => %(seconds)s::double precision)) AS late
        FROM (
            SELECT log.* FROM public.user_activity_logs AS log
            WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
                AND log."timestamp" <= %(at)s::timestamptz AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
                AND {indexed}
            ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT (SELECT %(portion)s::integer)
        ) AS log
        ORDER BY log."timestamp" DESC, log.event_id DESC
    ) AS log
    WHERE log.late OR log.fits ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
) AS compared
UNION ALL (
    SELECT {place}, false AS fits, true AS stop FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz
        AND log."timestamp" <= %(at)s::timestamptz AND (log."timestamp", log.event_id) < (%(at)s::timestamptz, %(id)s::uuid)
        AND {indexed}
    ORDER BY log."timestamp" DESC, log.event_id DESC OFFSET (SELECT %(portion)s::integer - 1) LIMIT 1
)
LIMIT %(limit)s::integer
