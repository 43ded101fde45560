-- Ids that come again at another time, and the end of old entries of the quarantine.

-- The writer's upkeep walks the log in lane order; and a length completes only a row of its own span.
GRANT SELECT (lane, lane_seq, trace_id, span_id) ON public.user_activity_logs TO prelude_writer;

-- How far the sweep has come in each lane.
CREATE TABLE public.id_sweep_cursors (
    lane integer PRIMARY KEY,
    swept_seq bigint NOT NULL,
    swept_at timestamptz NOT NULL DEFAULT now()
);

-- A UUIDv7 made from the start of its action says where its row stands, and needs no list. Here is the rest: rows whose id does
-- not tell their time. An index on event_id in the log itself would cost every insert; this costs the sweep, and only for these.
CREATE TABLE public.id_sweep_untimed (
    event_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    PRIMARY KEY (event_id, "timestamp")
);

-- What it found: two rows with one id.
CREATE TABLE public.repeated_event_ids (
    event_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    other_timestamp timestamptz NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, "timestamp", other_timestamp),
    CHECK ("timestamp" < other_timestamp)
);

GRANT SELECT, INSERT, UPDATE ON public.id_sweep_cursors TO prelude_writer;
GRANT SELECT, INSERT ON public.id_sweep_untimed, public.repeated_event_ids TO prelude_writer;
GRANT SELECT ON public.repeated_event_ids, public.id_sweep_cursors TO prelude_reader, prelude_governor;

-- Deletes up to `most` entries that came longer than `keep` ago; how many. The exporter calls it in its upkeep, and may neither
-- read nor delete entries otherwise; so nobody who has only its rights makes away with what came this week.
CREATE FUNCTION public.prelude_expire_quarantine(keep interval, most integer) RETURNS bigint
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone bigint;
BEGIN
    IF keep IS NULL OR keep < interval '7 days' THEN
        RAISE EXCEPTION 'entries of the quarantine are kept for 7 days at least, not for %', keep USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM public.activity_quarantine WHERE id IN (
        SELECT id FROM public.activity_quarantine WHERE received_at < now() - keep ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

REVOKE ALL ON FUNCTION public.prelude_expire_quarantine(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.prelude_expire_quarantine(interval, integer) TO prelude_writer;
