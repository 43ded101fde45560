-- Rows behind a place, compared one by one, newest first: those that fit, and where it stopped: the first row that was compared when the time was
-- over, which counts from the transaction's beginning, or in any case from the first row. What stands behind it is not to be looked at. Nothing is
-- sorted, so that no more is read than is compared: each level says the order, and that all is wanted is hidden from the planner, which then
-- reckons with few.
SELECT {columns}, log.fits, log.late FROM (
    SELECT log.*, ({conditions}) AS fits,
        clock_timestamp() >= (SELECT greatest(
            now() + make_interval(secs => %(seconds)s::double precision), clock_timestamp() + make_interval(secs => %(least)s::double precision)
        )) AS late
    FROM ({source}) AS log
    ORDER BY log."timestamp" DESC, log.event_id DESC
) AS log
WHERE log.late OR log.fits ORDER BY log."timestamp" DESC, log.event_id DESC LIMIT %(limit)s::integer
