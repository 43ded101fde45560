-- What nearly every answer wants to know of its snapshot: how far the rollups have counted, what is committed, the newest row that is dated
-- at a moment or later, which days have rollups, whether anything of them went by retention, and
-- whether rollups are being made anew.
SELECT (SELECT jsonb_object_agg(lane, seq) FROM public.rollup_cursors) AS counted, (SELECT as_of FROM public.rollup_state) AS counted_as_of,
    (SELECT jsonb_object_agg(lane, last_seq) FROM public.ingest_lanes) AS committed, now() AS as_of,
    (
        SELECT max(log."timestamp") FROM public.user_activity_logs AS log WHERE log."timestamp" >= %(moment)s::timestamptz
    ) AS newest,
    (
        SELECT jsonb_object_agg(day, version) FROM public.rollup_days WHERE day >= %(first)s::date AND day <= %(last)s::date
    ) AS versions,
    EXISTS (SELECT FROM public.retention_days WHERE day >= %(first)s::date AND day <= %(last)s::date) AS thinned,
    EXISTS (SELECT FROM public.rollup_rebuild WHERE part = 'rollups') AS rebuilding
