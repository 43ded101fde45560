SELECT rollup.user_email, rollup.action_name, rollup.method,
    CASE WHEN rollup.result_status = 'pending' AND rollup.bucket < %(cut)s::timestamptz THEN 'timeout' ELSE rollup.result_status END AS status,
    rollup.count
FROM unnest(%(grains)s::smallint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS piece (grain, since, until)
JOIN public.email_rollups AS rollup
    ON rollup.grain = piece.grain AND rollup.bucket >= piece.since AND rollup.bucket < piece.until
WHERE rollup.user_email <> '' AND {filters}
