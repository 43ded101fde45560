-- How far the figures are behind what is committed: since when, in seconds (0: they have all of it; NULL: nothing was ever counted), and by how much.
SELECT CASE WHEN uncounted.places = 0 THEN 0 ELSE extract(epoch FROM now() - rollups.as_of) END::double precision AS rollups,
    uncounted.places, CASE WHEN unseen.places = 0 THEN 0 ELSE extract(epoch FROM now() - timeline.followed_at) END::double precision AS timeline
FROM public.rollup_state AS rollups CROSS JOIN public.timeline_state AS timeline
CROSS JOIN (
    SELECT coalesce(sum(last_seq - coalesce(seq, 0)), 0)::bigint AS places FROM public.ingest_lanes LEFT JOIN public.rollup_cursors USING (lane)
) AS uncounted
CROSS JOIN (
    SELECT coalesce(sum(last_seq - coalesce(seq, 0)), 0)::bigint AS places FROM public.ingest_lanes LEFT JOIN public.timeline_cursors USING (lane)
) AS unseen
