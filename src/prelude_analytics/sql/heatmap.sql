-- Counts by hour of the calendar; which hour of which weekday that is, its zone says.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, status, sum(count)::bigint AS count
FROM ({source}) AS source GROUP BY 1, 2
