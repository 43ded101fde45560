-- How far the rollups have counted.
SELECT (SELECT jsonb_object_agg(lane, seq) FROM public.rollup_cursors) AS lanes, (SELECT as_of FROM public.rollup_state) AS as_of
