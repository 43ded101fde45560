-- Counts, latencies and sessions, kept by the keeper in the order of commits: what is counted is what the cursors have passed.

-- The keeper's role. To make one takes the login's own rights, as in the first migration.
SET LOCAL ROLE NONE;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'prelude_keeper') THEN
        BEGIN
            CREATE ROLE prelude_keeper NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database's migration in the same moment
        END;
    END IF;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO prelude_keeper', current_database());
END
$$;
SET LOCAL ROLE prelude_owner;
GRANT USAGE ON SCHEMA public TO prelude_keeper;

-- Few rows have it, so it costs others nothing.
CREATE INDEX user_activity_logs_completes_idx ON public.user_activity_logs (completes_event_id) WHERE completes_event_id IS NOT NULL;

-- A text as it stands in the keys of rollups: NULL is '', and what is too long for an index is cut, with a hash of the whole.
CREATE FUNCTION public.prelude_key(value text, most integer DEFAULT 256) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN value IS NULL THEN '' WHEN octet_length(value) <= most THEN value ELSE left(value, 40) || '…' || md5(value) END;

-- The sketch of lengths. Up to 50 ms a mark is the length itself; above, mark 50 + k holds lengths up to floor(50 · (101/99)^k), and
-- stands for a value that is at most 1 % from any of them. The limits are whole numbers, so no rounding of floats decides.
DO $$
DECLARE
    limits integer[] := '{}';
    above numeric := 50;
    below numeric := 1;
BEGIN
    WHILE div(above, below) <= 2147483647 LOOP
        limits := limits || div(above, below)::integer;
        above := above * 101;
        below := below * 99;
    END LOOP;
    EXECUTE format(
        'CREATE FUNCTION public.prelude_mark(duration_ms integer) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE'
        ' RETURN CASE WHEN duration_ms <= 50 THEN duration_ms ELSE 50 + width_bucket(duration_ms - 1, %L::integer[]) END::smallint',
        limits
    );
END
$$;

-- The length in milliseconds that a mark stands for.
CREATE FUNCTION public.prelude_mark_value(mark smallint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN mark <= 50 THEN mark ELSE 49.5::float8 * power(101::float8 / 99::float8, mark - 50) END;

-- The value below or at which `fraction` of the lengths lie (as percentile_disc has it), from marks in order with their counts.
CREATE FUNCTION public.prelude_quantile(marks smallint[], counts bigint[], fraction double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT public.prelude_mark_value(mark)
        FROM (SELECT mark, sum(n) OVER (ORDER BY mark) AS upto, sum(n) OVER () AS total FROM unnest(marks, counts) AS sketch (mark, n)) AS ranked
        WHERE upto >= greatest(ceil(fraction * total::float8), 1)
        ORDER BY mark LIMIT 1
    );

-- Grains are minutes: 15, 60, 1440; buckets begin at full quarters, hours and days UTC. Statuses are as the rows say: a pending row
-- becomes a timeout in the eye of the reader alone.
CREATE TABLE public.activity_rollups (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    action_type text NOT NULL,
    action_name text NOT NULL,
    service_name text NOT NULL,
    entity_type text NOT NULL,
    page_route text NOT NULL,
    result_status text NOT NULL,
    count bigint NOT NULL,
    duration_count bigint NOT NULL,
    duration_sum bigint NOT NULL,
    PRIMARY KEY (grain, bucket, action_type, action_name, service_name, entity_type, page_route, result_status)
) WITH (fillfactor = 80); -- the newest rows change with every pass: room to do it within the page

CREATE TABLE public.latency_rollups (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    action_type text NOT NULL,
    action_name text NOT NULL,
    service_name text NOT NULL,
    result_status text NOT NULL,
    marks smallint[] NOT NULL,
    counts bigint[] NOT NULL,
    PRIMARY KEY (grain, bucket, action_type, action_name, service_name, result_status)
) WITH (fillfactor = 70);

-- The same over everything.
CREATE TABLE public.latency_totals (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    marks smallint[] NOT NULL,
    counts bigint[] NOT NULL,
    PRIMARY KEY (grain, bucket)
) WITH (fillfactor = 70);

CREATE TABLE public.user_rollups (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    user_email text NOT NULL,
    action_type text NOT NULL,
    success bigint NOT NULL,
    error bigint NOT NULL,
    pending bigint NOT NULL,
    timeout bigint NOT NULL,
    first_at timestamptz,
    last_at timestamptz,
    PRIMARY KEY (grain, bucket, user_email, action_type)
) WITH (fillfactor = 80);
COMMENT ON COLUMN public.user_rollups.first_at IS 'Of the rows that are not pending; NULL where there is none.';
COMMENT ON COLUMN public.user_rollups.last_at IS 'Of the rows that are not pending; NULL where there is none.';

-- view_customer and view_deal, where the customer is known (ruling 2).
CREATE TABLE public.customer_rollups (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    customer_id text NOT NULL,
    action_name text NOT NULL,
    success bigint NOT NULL,
    error bigint NOT NULL,
    pending bigint NOT NULL,
    timeout bigint NOT NULL,
    user_emails text[] NOT NULL,
    last_at timestamptz,
    PRIMARY KEY (grain, bucket, customer_id, action_name)
) WITH (fillfactor = 80);
COMMENT ON COLUMN public.customer_rollups.user_emails IS 'Whose rows are successes; in order, each once.';
COMMENT ON COLUMN public.customer_rollups.last_at IS 'Of the successes; NULL where there is none.';

-- generate_email and send_email.
CREATE TABLE public.email_rollups (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    user_email text NOT NULL,
    action_name text NOT NULL,
    method text NOT NULL,
    result_status text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (grain, bucket, user_email, action_name, method, result_status)
) WITH (fillfactor = 80);

-- create_deal.
CREATE TABLE public.deal_value_rollups (
    grain smallint NOT NULL,
    bucket timestamptz NOT NULL,
    result_status text NOT NULL,
    count bigint NOT NULL,
    value_count bigint NOT NULL,
    value_usd numeric NOT NULL,
    PRIMARY KEY (grain, bucket, result_status)
) WITH (fillfactor = 80);
COMMENT ON COLUMN public.deal_value_rollups.value_count IS 'Rows whose value_usd is a number.';

-- Which UTC days of the rollups have changed: who has a day in memory reads it again when its version is another one.
CREATE SEQUENCE public.rollup_versions;
CREATE TABLE public.rollup_days (
    day date PRIMARY KEY,
    version bigint NOT NULL
) WITH (fillfactor = 50); -- the newest day changes with every pass
COMMENT ON COLUMN public.rollup_days.version IS 'Another one whenever a row of rollups of that day changed; not in order.';

-- The watermark: what has been counted is every row and amendment at or below these places.
CREATE TABLE public.rollup_cursors (
    lane integer PRIMARY KEY,
    seq bigint NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE public.rollup_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    as_of timestamptz,
    session_gap interval NOT NULL DEFAULT '30 minutes' CHECK (session_gap > interval '0')
) WITH (fillfactor = 20);
INSERT INTO public.rollup_state DEFAULT VALUES;
COMMENT ON COLUMN public.rollup_state.as_of IS 'What was committed before then is counted.';
COMMENT ON COLUMN public.rollup_state.session_gap IS 'A user''s rows without session_id that are so far apart, or further, are of two sessions.';

-- Days that are to be built anew from raw rows. While there are any, the watermark stands.
CREATE TABLE public.rollup_rebuild (
    part text NOT NULL CHECK (part IN ('rollups', 'sessions')),
    day date NOT NULL,
    PRIMARY KEY (part, day)
);

-- Who was ended, by which place in the lanes. A row that names itself ends nothing.
CREATE TABLE public.superseded_rows (
    event_id uuid NOT NULL,
    lane integer NOT NULL,
    lane_seq bigint NOT NULL,
    PRIMARY KEY (event_id, lane, lane_seq)
);

-- The pending rows that are counted: where to find a row when it ends.
CREATE TABLE public.pending_rows (
    event_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    PRIMARY KEY (event_id, "timestamp")
);

-- A client may choose any session id, that of a derived session, too.
ALTER TABLE public.user_session_summaries DROP CONSTRAINT user_session_summaries_pkey;
ALTER TABLE public.user_session_summaries ADD PRIMARY KEY (user_email, session_id, derived);
-- ON CONFLICT checks what it would insert before it adds, and what is taken back is less than nothing.
ALTER TABLE public.user_session_summaries DROP CONSTRAINT user_session_summaries_activity_count_check;
ALTER TABLE public.user_session_summaries SET (fillfactor = 80);
ALTER TABLE public.user_session_summaries
    ADD COLUMN success_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN pending_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN timeout_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN started_lane integer NOT NULL DEFAULT 0,
    ADD COLUMN started_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN first_page_at timestamptz,
    ADD COLUMN first_page_lane integer,
    ADD COLUMN first_page_seq bigint,
    ADD COLUMN last_page_at timestamptz,
    ADD COLUMN last_page_lane integer,
    ADD COLUMN last_page_seq bigint;
CREATE INDEX user_session_summaries_session_idx ON public.user_session_summaries (session_id);
CREATE INDEX user_session_summaries_user_idx ON public.user_session_summaries (user_email, started_at);
CREATE INDEX user_session_summaries_derived_idx ON public.user_session_summaries (user_email, started_at) WHERE derived;
COMMENT ON COLUMN public.user_session_summaries.session_id IS
    'The rows'' own; of a derived session the id of its first row, @, and the microseconds of its time since 1970.';
COMMENT ON COLUMN public.user_session_summaries.activity_count IS
    'Rows that count. A pending row that was ended bounds its session, and does not count.';

-- A page with its place, so that the first and the last of several parts can be told.
CREATE TYPE public.prelude_page AS (at timestamptz, lane integer, lane_seq bigint, page text);

GRANT SELECT ON public.user_activity_logs, public.ingest_lanes, public.activity_amendments TO prelude_keeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.activity_rollups, public.latency_rollups, public.latency_totals, public.user_rollups,
    public.customer_rollups, public.email_rollups, public.deal_value_rollups, public.rollup_cursors, public.rollup_rebuild,
    public.rollup_days, public.superseded_rows, public.pending_rows, public.user_session_summaries TO prelude_keeper;
GRANT USAGE ON SEQUENCE public.rollup_versions TO prelude_keeper;
GRANT SELECT, UPDATE ON public.rollup_state TO prelude_keeper;
GRANT SELECT ON public.activity_rollups, public.latency_rollups, public.latency_totals, public.user_rollups, public.customer_rollups,
    public.email_rollups, public.deal_value_rollups, public.rollup_cursors, public.rollup_state, public.rollup_rebuild,
    public.rollup_days, public.superseded_rows, public.pending_rows TO prelude_reader, prelude_governor;
