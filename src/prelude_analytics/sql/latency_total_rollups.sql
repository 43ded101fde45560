SELECT wanted.day, date_part('epoch', rollup.bucket)::bigint AS bucket,
    rollup.marks, rollup.counts
FROM unnest(%(days)s::date[]) AS wanted (day)
JOIN public.latency_totals AS rollup ON rollup.grain = %(grain)s::smallint
    AND rollup.bucket >= wanted.day::timestamptz AND rollup.bucket < (wanted.day + 1)::timestamptz
