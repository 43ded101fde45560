SELECT rollup.user_email, rollup.success, rollup.error,
    CASE WHEN rollup.bucket < %(cut)s::timestamptz THEN 0 ELSE rollup.pending END AS pending,
    CASE WHEN rollup.bucket < %(cut)s::timestamptz THEN rollup.timeout + rollup.pending ELSE rollup.timeout END AS timeout,
    rollup.first_at, rollup.last_at
FROM unnest(%(grains)s::smallint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS piece (grain, since, until)
JOIN public.user_rollups AS rollup
    ON rollup.grain = piece.grain AND rollup.bucket >= piece.since AND rollup.bucket < piece.until
WHERE rollup.user_email <> '' AND {filters}
