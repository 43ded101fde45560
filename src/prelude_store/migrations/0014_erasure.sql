-- Erasure and change of address: whose rows must not come again, how far a run has come, and the rights that it takes.

-- Asked by writers before they write. The person is a keyed hash, see governance_keys.
CREATE SEQUENCE public.erasure_versions;
CREATE TABLE public.erasures (
    person bytea PRIMARY KEY CHECK (octet_length(person) = 32),
    until timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    version bigint NOT NULL DEFAULT nextval('public.erasure_versions')
);
CREATE INDEX erasures_version_idx ON public.erasures (version);
COMMENT ON COLUMN public.erasures.version IS 'A writer that knows the highest one knows all: they are given one after the other.';
COMMENT ON COLUMN public.erasures.until IS 'What the person did up to then is not written any more, from wherever it still comes.';

-- So that a run that was killed is gone on with.
CREATE TABLE public.erasure_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('erase', 'rename')),
    person bytea NOT NULL CHECK (octet_length(person) = 32),
    renamed_to bytea CHECK (octet_length(renamed_to) = 32),
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    until timestamptz NOT NULL,
    step text NOT NULL,
    reached date,
    days date[] NOT NULL DEFAULT '{}',
    anew date[] NOT NULL DEFAULT '{}',
    reopened uuid[] NOT NULL DEFAULT '{}',
    counts jsonb NOT NULL DEFAULT '{}',
    began_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    scrubbed_at timestamptz,
    CHECK ((kind = 'rename') = (renamed_to IS NOT NULL))
);
CREATE UNIQUE INDEX erasure_runs_unfinished_idx ON public.erasure_runs (person) WHERE finished_at IS NULL;
COMMENT ON COLUMN public.erasure_runs.reached IS 'Of a walk through the log: the last day that is done.';
COMMENT ON COLUMN public.erasure_runs.days IS 'Days (UTC) of which rows were changed.';
COMMENT ON COLUMN public.erasure_runs.reopened IS 'Pending activities whose end went as a whole: they are pending again.';
COMMENT ON COLUMN public.erasure_runs.anew IS 'Those of them whose rollups must be counted anew.';

-- Entries of the quarantine that may name somebody: whose bytes or detail are, in lower case, like one of the patterns. The service
-- that answers people about themselves may ask it, though it may not read the quarantine.
CREATE FUNCTION public.prelude_naming_entries(patterns text[], after bigint DEFAULT 0, most integer DEFAULT NULL)
    RETURNS TABLE (id bigint, received_at timestamptz, signal text, reason text, detail text, payload bytea, replayed_at timestamptz)
    LANGUAGE sql STABLE
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT id, received_at, signal, reason, detail, payload, replayed_at FROM public.activity_quarantine
    WHERE id > after AND lower((encode(payload, 'escape') || E'\n' || detail) COLLATE "C") LIKE ANY (patterns)
    ORDER BY id LIMIT most
$$;
REVOKE ALL ON FUNCTION public.prelude_naming_entries(text[], bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.prelude_naming_entries(text[], bigint, integer) TO prelude_governor, prelude_access;

GRANT SELECT ON public.erasures TO prelude_writer, prelude_governor, prelude_reader;
GRANT INSERT, UPDATE ON public.erasures TO prelude_governor;
GRANT USAGE ON SEQUENCE public.erasure_versions TO prelude_governor;
GRANT SELECT, INSERT, UPDATE ON public.erasure_runs TO prelude_governor;
GRANT SELECT ON public.erasure_runs TO prelude_reader;

-- governor: what is kept of a person beside the log goes, or gets the new address.
GRANT INSERT, UPDATE, DELETE ON public.user_rollups, public.email_rollups, public.customer_rollups TO prelude_governor;
GRANT DELETE ON public.activity_rollups, public.latency_rollups, public.timeline_actions, public.timeline_services TO prelude_governor;
GRANT SELECT ON public.timeline_actions, public.timeline_services TO prelude_governor;
GRANT INSERT ON public.user_session_summaries TO prelude_governor;
GRANT INSERT ON public.rollup_rebuild TO prelude_governor;
GRANT INSERT, UPDATE ON public.rollup_days TO prelude_governor;
GRANT USAGE ON SEQUENCE public.rollup_versions TO prelude_governor;
GRANT UPDATE (as_of) ON public.rollup_state TO prelude_governor;
-- A row that goes as a whole ends no other any more, and waits for no end.
GRANT DELETE ON public.superseded_rows, public.pending_rows TO prelude_governor;
GRANT UPDATE (user_email) ON public.timeline_users TO prelude_governor;
GRANT UPDATE (user_email, name) ON public.analytics_tokens TO prelude_governor;
GRANT SELECT, DELETE ON public.analytics_sessions TO prelude_governor;
