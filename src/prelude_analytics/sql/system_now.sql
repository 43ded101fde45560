-- Rows whose action began within the last minute, up to a bound.
SELECT count(*) AS rows FROM (
    SELECT FROM public.user_activity_logs AS log
    WHERE log."timestamp" >= %(until)s::timestamptz - interval '1 minute' AND log."timestamp" < %(until)s::timestamptz LIMIT %(most)s::integer
) AS recent
