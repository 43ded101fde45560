-- Activities by quarters of an hour, as far as they are counted.
SELECT bucket AS start, sum(count)::bigint AS rows FROM public.activity_rollups
WHERE grain = 15 AND bucket >= %(since)s::timestamptz AND bucket < %(until)s::timestamptz GROUP BY bucket ORDER BY bucket
