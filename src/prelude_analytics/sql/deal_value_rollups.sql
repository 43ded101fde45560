SELECT wanted.day, date_part('epoch', rollup.bucket)::bigint AS bucket,
    rollup.result_status, rollup.value_count, rollup.value_usd
FROM unnest(%(days)s::date[]) AS wanted (day)
JOIN public.deal_value_rollups AS rollup ON rollup.grain = %(grain)s::smallint
    AND rollup.bucket >= wanted.day::timestamptz AND rollup.bucket < (wanted.day + 1)::timestamptz
