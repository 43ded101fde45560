-- How many rows an index gives, up to one more than the bound: what answering from rows would read.
SELECT count(*) AS rows FROM (
    SELECT FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(since)s::timestamptz AND log."timestamp" < %(until)s::timestamptz AND {indexed}
    ORDER BY log."timestamp" DESC LIMIT %(bound)s::bigint + 1
) AS read
