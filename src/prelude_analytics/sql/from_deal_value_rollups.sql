SELECT rollup.bucket,
    CASE WHEN rollup.result_status = 'pending' AND rollup.bucket < %(cut)s::timestamptz THEN 'timeout' ELSE rollup.result_status END AS status,
    rollup.value_count, rollup.value_usd
FROM unnest(%(grains)s::smallint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS piece (grain, since, until)
JOIN public.deal_value_rollups AS rollup
    ON rollup.grain = piece.grain AND rollup.bucket >= piece.since AND rollup.bucket < piece.until
WHERE {filters}
