SELECT rollup.bucket, rollup.action_type, rollup.action_name, rollup.service_name, rollup.entity_type, rollup.page_route,
    CASE WHEN rollup.result_status = 'pending' AND rollup.bucket < %(cut)s::timestamptz THEN 'timeout' ELSE rollup.result_status END AS status,
    rollup.count, rollup.duration_count, rollup.duration_sum
FROM unnest(%(grains)s::smallint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS piece (grain, since, until)
JOIN public.activity_rollups AS rollup
    ON rollup.grain = piece.grain AND rollup.bucket >= piece.since AND rollup.bucket < piece.until
WHERE {filters}
