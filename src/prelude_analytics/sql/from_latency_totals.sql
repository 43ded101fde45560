SELECT rollup.bucket, sketch.mark, sketch.count
FROM unnest(%(grains)s::smallint[], %(sinces)s::timestamptz[], %(untils)s::timestamptz[]) AS piece (grain, since, until)
JOIN public.latency_totals AS rollup
    ON rollup.grain = piece.grain AND rollup.bucket >= piece.since AND rollup.bucket < piece.until
CROSS JOIN LATERAL unnest(rollup.marks, rollup.counts) AS sketch (mark, count)
WHERE {filters}
