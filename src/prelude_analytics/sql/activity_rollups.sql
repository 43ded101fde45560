SELECT wanted.day, date_part('epoch', rollup.bucket)::bigint AS bucket,
    rollup.action_type, rollup.action_name, rollup.service_name, rollup.entity_type, rollup.page_route, rollup.result_status,
    rollup.count, rollup.duration_count, rollup.duration_sum
FROM unnest(%(days)s::date[]) AS wanted (day)
JOIN public.activity_rollups AS rollup ON rollup.grain = %(grain)s::smallint
    AND rollup.bucket >= wanted.day::timestamptz AND rollup.bucket < (wanted.day + 1)::timestamptz
