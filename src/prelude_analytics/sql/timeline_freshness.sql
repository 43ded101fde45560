-- Up to when the timeline knows of all that has committed.
SELECT now() AS now, followed_at, EXISTS (
    SELECT FROM public.ingest_lanes LEFT JOIN public.timeline_cursors USING (lane) WHERE last_seq > coalesce(seq, 0)
) AS behind FROM public.timeline_state
