-- How long what is kept, what is kept all the same, and what went: policies, holds, and the days of which rows or parts went.

-- DETACH … CONCURRENTLY can't run within a function, and wants the owner of the log. So the log has an owner of its own, which the governor
-- becomes for that one command (SET ROLE; else nothing of it is the governor's). To make a role takes the login's own rights.
SET LOCAL ROLE NONE;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'prelude_partitions') THEN
        BEGIN
            CREATE ROLE prelude_partitions NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database's migration in the same moment
        END;
    END IF;
    IF NOT pg_has_role('prelude_owner', 'prelude_partitions', 'MEMBER') THEN
        GRANT prelude_partitions TO prelude_owner;
    END IF;
    IF NOT pg_has_role('prelude_governor', 'prelude_partitions', 'MEMBER') THEN
        IF current_setting('server_version_num')::integer >= 160000 THEN
            EXECUTE 'GRANT prelude_partitions TO prelude_governor WITH INHERIT FALSE, SET TRUE';
        ELSE
            GRANT prelude_partitions TO prelude_governor;
        END IF;
    END IF;
END
$$;
GRANT USAGE, CREATE ON SCHEMA public TO prelude_partitions;
SET LOCAL ROLE prelude_owner;
ALTER TABLE public.user_activity_logs OWNER TO prelude_partitions;
SET LOCAL ROLE NONE;
REVOKE CREATE ON SCHEMA public FROM prelude_partitions;
SET LOCAL ROLE prelude_owner;

-- How long rows are kept, or the columns of a class. The most specific policy wins: type and name, then type, then all.
CREATE TABLE public.retention_policies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action_type text,
    action_name text,
    class text CHECK (class IN ('person', 'device', 'content')),
    keep text NOT NULL CHECK (keep ~ '^([1-9][0-9]{0,4}(d|w|mo|y)|forever)$'),
    by_week boolean NOT NULL DEFAULT false,
    set_at timestamptz NOT NULL DEFAULT now(),
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    CHECK (action_name IS NULL OR action_type IS NOT NULL)
);
CREATE UNIQUE INDEX retention_policies_scope_idx
    ON public.retention_policies (coalesce(action_type, ''), coalesce(action_name, ''), coalesce(class, ''));
COMMENT ON COLUMN public.retention_policies.class IS 'Whose columns become NULL; NULL: the rows go.';
COMMENT ON COLUMN public.retention_policies.by_week IS 'Weeks go as a whole, up to six days later, so that their partitions can be dropped.';

-- What stays, whatever a policy or an erasure says. Conditions that are given all apply.
CREATE TABLE public.legal_holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person bytea CHECK (octet_length(person) = 32),
    entity_type text,
    entity_id text,
    since timestamptz,
    until timestamptz,
    reason text NOT NULL CHECK (reason <> ''),
    ends_at timestamptz,
    added_at timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz,
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    CHECK (person IS NOT NULL OR entity_type IS NOT NULL OR since IS NOT NULL OR until IS NOT NULL),
    CHECK (entity_id IS NULL OR entity_type IS NOT NULL),
    CHECK (since < until)
);
COMMENT ON COLUMN public.legal_holds.person IS 'Keyed hash of an address: of who acted, or is named in what was done.';

-- What looks like an address in what a row says, as user_email has it.
CREATE FUNCTION public.prelude_addresses(log public.user_activity_logs) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT log.user_email WHERE log.user_email IS NOT NULL
    UNION
    SELECT normalize(lower(rtrim(found[1], '.')), NFC) FROM (
        SELECT concat_ws(' ', log.entity_id, log.page_url, log.action_data::text, log.result_data::text, array_to_string(log.tags, ' ')) AS said
    ) AS all_of_it
    CROSS JOIN LATERAL regexp_matches(replace(said, '%40', '@'), '[^\s@"<>(),;:?=&/\\]+@[^\s@"<>(),;:?=&/\\]+', 'g') AS found
    WHERE position('@' IN said) > 0 OR position('%40' IN said) > 0
$$;

-- Of which days which actions went, as rows or in parts. Their counts were made of rows that are gone, so they are never made anew.
CREATE TABLE public.retention_days (
    day date NOT NULL,
    action_type text NOT NULL,
    action_name text NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    persons bigint NOT NULL DEFAULT 0,
    contents bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (day, action_type, action_name)
);
COMMENT ON COLUMN public.retention_days.action_name IS 'As in the keys of rollups.';
COMMENT ON COLUMN public.retention_days.rows IS 'That went.';
COMMENT ON COLUMN public.retention_days.persons IS 'Rows of which the columns of class person went; contents likewise.';

-- Partitions that are on their way out, and those that went. One that is neither dropped nor returned is gone on with.
CREATE TABLE public.retention_drops (
    act_id bigint PRIMARY KEY REFERENCES public.governance_acts,
    partition_name text NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    rows bigint NOT NULL,
    state text NOT NULL DEFAULT 'leaving' CHECK (state IN ('leaving', 'left', 'dropped', 'returned')),
    begun_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX retention_drops_open_idx ON public.retention_drops (partition_name) WHERE ended_at IS NULL;
COMMENT ON COLUMN public.retention_drops.state IS 'leaving: to be detached; left: detached; dropped; returned: attached again, since something in it is to stay.';

CREATE TABLE public.retention_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    rows_removed bigint NOT NULL DEFAULT 0,
    columns_erased bigint NOT NULL DEFAULT 0,
    partitions_dropped bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    failure text
);
CREATE INDEX retention_runs_started_idx ON public.retention_runs (started_at DESC);
COMMENT ON COLUMN public.retention_runs.waiting IS 'Rows that are due, and stay until rollups have counted them.';

-- Whether a table is a partition of the log, one whose detaching has begun, a table beside it, or none.
CREATE FUNCTION public.prelude_partition_state(partition_name text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN child.oid IS NULL THEN 'none' WHEN inherited.inhrelid IS NULL THEN 'detached'
        WHEN inherited.inhdetachpending THEN 'pending' ELSE 'attached' END
    FROM (SELECT) AS one
    LEFT JOIN pg_class AS child ON child.relname = partition_name AND child.relnamespace = 'public'::regnamespace
    LEFT JOIN pg_inherits AS inherited ON inherited.inhrelid = child.oid AND inherited.inhparent = 'public.user_activity_logs'::regclass
$$;

-- As before, but for a week that is just leaving: a late row of it is refused as that row's fault, so that its neighbours land and the row
-- waits in the quarantine, not all of its batch at the sender.
CREATE OR REPLACE FUNCTION public.prelude_ensure_partition(moment timestamptz) RETURNS boolean
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    starts timestamptz := date_trunc('week', moment);
    ends timestamptz := date_trunc('week', moment) + interval '7 days';
    wanted text := 'user_activity_logs_p' || to_char(date_trunc('week', moment), 'YYYYMMDD');
    found_state text;
BEGIN
    IF moment IS NULL OR moment < '1970-01-01' OR moment >= '2200-01-01' THEN
        RAISE EXCEPTION 'no partition is made for %: the log reaches from 1970 to 2199', moment USING ERRCODE = 'datetime_field_overflow';
    END IF;
    found_state := public.prelude_partition_state(wanted);
    IF found_state = 'attached' THEN
        RETURN false;
    END IF;
    -- Two that make the same one: the second waits here, then finds it.
    PERFORM pg_advisory_xact_lock(hashtextextended('prelude_ensure_partition', 0));
    found_state := public.prelude_partition_state(wanted);
    IF found_state = 'attached' THEN
        RETURN false;
    END IF;
    IF found_state <> 'none' AND EXISTS (
        SELECT FROM public.retention_drops AS leaving WHERE leaving.partition_name = wanted AND ended_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the week of % is just leaving the log by retention', moment
            USING HINT = 'Replay it from the quarantine when prelude store retain run is through.', ERRCODE = 'datetime_field_overflow';
    END IF;
    IF found_state <> 'none' THEN
        RAISE EXCEPTION 'table % exists, but is no partition of user_activity_logs', wanted
            USING HINT = 'It was detached and not dropped. Attach it again, or rename it.', ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format(
        'CREATE TABLE public.%I (LIKE public.user_activity_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
        wanted
    );
    EXECUTE format(
        'ALTER TABLE public.user_activity_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        wanted, starts, ends
    );
    RETURN true;
END
$$;

-- What a governor may do to a partition that is on its way out, and to no other table: read it when it has left, drop it, put it back.
CREATE FUNCTION public.prelude_leaving(leaving_act bigint, OUT partition_name text, OUT starts timestamptz, OUT ends timestamptz)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT leaving.partition_name, leaving.starts, leaving.ends INTO partition_name, starts, ends
    FROM public.retention_drops AS leaving WHERE leaving.act_id = leaving_act AND leaving.ended_at IS NULL;
    IF partition_name IS NULL THEN
        RAISE EXCEPTION 'act % drops nothing that is still to go', leaving_act USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF public.prelude_partition_state(partition_name) <> 'detached' THEN
        RAISE EXCEPTION 'table % has not left the log', partition_name USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$;

CREATE FUNCTION public.prelude_read_partition(leaving_act bigint) RETURNS text
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaving record := public.prelude_leaving(leaving_act);
BEGIN
    EXECUTE format('GRANT SELECT ON public.%I TO prelude_governor', leaving.partition_name);
    RETURN leaving.partition_name;
END
$$;

CREATE FUNCTION public.prelude_drop_partition(leaving_act bigint) RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leaving record := public.prelude_leaving(leaving_act);
BEGIN
    EXECUTE format('DROP TABLE public.%I', leaving.partition_name);
    UPDATE public.retention_drops SET state = 'dropped', ended_at = now() WHERE act_id = leaving_act;
END
$$;

CREATE FUNCTION public.prelude_return_partition(leaving_act bigint) RETURNS void
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    leaving record := public.prelude_leaving(leaving_act);
BEGIN
    EXECUTE format('REVOKE SELECT ON public.%I FROM prelude_governor', leaving.partition_name);
    EXECUTE format(
        'ALTER TABLE public.user_activity_logs ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        leaving.partition_name, leaving.starts, leaving.ends
    );
    UPDATE public.retention_drops SET state = 'returned', ended_at = now() WHERE act_id = leaving_act;
END
$$;

REVOKE ALL ON FUNCTION public.prelude_leaving(bigint), public.prelude_read_partition(bigint), public.prelude_drop_partition(bigint),
    public.prelude_return_partition(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.prelude_read_partition(bigint), public.prelude_drop_partition(bigint),
    public.prelude_return_partition(bigint) TO prelude_governor;

-- governor: policies, holds, runs; and out of what was made of rows, what was personal in it.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.retention_policies TO prelude_governor;
GRANT SELECT, INSERT, UPDATE (released_at) ON public.legal_holds TO prelude_governor;
GRANT SELECT, INSERT, UPDATE (rows, persons, contents) ON public.retention_days TO prelude_governor;
GRANT SELECT, INSERT (act_id, partition_name, starts, ends, rows), UPDATE (state, rows) ON public.retention_drops TO prelude_governor;
GRANT SELECT, INSERT, UPDATE ON public.retention_runs TO prelude_governor;
GRANT INSERT ON public.user_session_summaries TO prelude_governor;
GRANT SELECT, UPDATE (as_of) ON public.rollup_state TO prelude_governor;
GRANT SELECT, INSERT ON public.rollup_rebuild TO prelude_governor;
GRANT SELECT, INSERT, UPDATE ON public.rollup_days TO prelude_governor;
GRANT USAGE ON SEQUENCE public.rollup_versions TO prelude_governor;
GRANT INSERT, UPDATE, DELETE ON public.user_rollups TO prelude_governor;
GRANT UPDATE (user_emails) ON public.customer_rollups TO prelude_governor;
GRANT INSERT, UPDATE (count), DELETE ON public.email_rollups TO prelude_governor;
GRANT SELECT, DELETE ON public.superseded_rows, public.pending_rows, public.timeline_pending, public.id_sweep_untimed,
    public.repeated_event_ids TO prelude_governor;
GRANT SELECT (day, dirty, built_at), INSERT (day, dirty), UPDATE (dirty), DELETE ON public.timeline_days TO prelude_governor;

GRANT SELECT ON public.retention_days TO prelude_keeper;
GRANT SELECT ON public.retention_policies, public.retention_days, public.retention_drops, public.retention_runs TO prelude_reader;
GRANT SELECT (id, entity_type, entity_id, since, until, reason, ends_at, added_at, released_at, act_id) ON public.legal_holds TO prelude_reader;
