-- The order of commits, and how far the figures have come in it.
SELECT lane, last_seq, least(coalesce(seq, 0), last_seq) AS counted
FROM public.ingest_lanes LEFT JOIN public.rollup_cursors USING (lane) ORDER BY lane LIMIT 1000
