-- All that is committed.
SELECT (SELECT jsonb_object_agg(lane, last_seq) FROM public.ingest_lanes) AS lanes, now() AS as_of
