-- Every lawful change of the log is itself an entry of the log, with a place in the lanes: followers see it, seals cover it, and by it a
-- verifier explains each difference between a row and its seal. What is not explained is tampering.

-- Who did what to the log, and why. Holds no personal data: a person is a keyed hash, an actor a token's id or a database login.
CREATE TABLE public.governance_acts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane integer NOT NULL,
    lane_seq bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,39}$'),
    actor text NOT NULL CHECK (actor <> ''),
    reason text,
    detail jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object'),
    UNIQUE (lane, lane_seq)
);
CREATE INDEX governance_acts_kind_idx ON public.governance_acts (kind, id);
COMMENT ON TABLE public.governance_acts IS 'policy, hold, release, erase, rename, drop, expire, consent, key, …: only ever added to.';
COMMENT ON COLUMN public.governance_acts.detail IS 'Of a drop: the bounds of what went, "from" (inclusive) and "to" (exclusive).';

-- What an act changed, row by row and class by class.
CREATE TABLE public.activity_changes (
    lane integer NOT NULL,
    lane_seq bigint NOT NULL,
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    row_lane integer NOT NULL,
    row_seq bigint NOT NULL,
    event_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('erased', 'redacted', 'renamed', 'removed')),
    class text CHECK (class IN ('person', 'device', 'content')),
    before bytea CHECK (octet_length(before) = 32),
    after bytea CHECK (octet_length(after) = 32),
    salt bytea CHECK (octet_length(salt) = 16),
    PRIMARY KEY (lane, lane_seq),
    CHECK ((kind = 'removed') = (class IS NULL)),
    CHECK ((kind IN ('redacted', 'renamed')) = (after IS NOT NULL))
);
CREATE INDEX activity_changes_row_idx ON public.activity_changes (row_lane, row_seq);
COMMENT ON COLUMN public.activity_changes.before IS
    'What the seal of the row, or the change before this one, committed to (of a removal: the body of the seal). NULL: it was not sealed yet.';
COMMENT ON COLUMN public.activity_changes.after IS 'Commitment to the new values, under salt.';
COMMENT ON COLUMN public.activity_changes.salt IS 'Wiped by the next change of the same values, so that nobody can test a guess.';

-- Secrets of this database, each made here once.
CREATE TABLE public.governance_keys (
    name text PRIMARY KEY,
    key bytea NOT NULL CHECK (octet_length(key) = 32)
);
COMMENT ON TABLE public.governance_keys IS 'person: for HMAC-SHA-256 of a normalised address, so that acts name nobody.';
-- 488 random bits: a UUID of version 4 has 122.
INSERT INTO public.governance_keys (name, key) VALUES (
    'person',
    sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
);

-- The canonical text of a class of columns, of which docs/seals.md tells: a JSON array of their values. NULL where all of them are.
CREATE FUNCTION public.prelude_class_text(log public.user_activity_logs, class text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE class
        WHEN 'person' THEN CASE WHEN log.user_email IS NOT NULL OR log.session_id IS NOT NULL THEN
            json_build_array(log.user_email, log.session_id)::text END
        WHEN 'device' THEN CASE WHEN log.user_agent IS NOT NULL OR log.ip_address IS NOT NULL THEN
            json_build_array(log.user_agent, log.ip_address)::text END
        WHEN 'content' THEN CASE WHEN log.page_url IS NOT NULL OR log.entity_id IS NOT NULL OR log.action_data IS NOT NULL
                OR log.result_data IS NOT NULL OR log.tags IS NOT NULL THEN
            json_build_array(log.page_url, log.entity_id, log.action_data, log.result_data, log.tags)::text END
    END;

-- What a seal says of such a text without giving it away: with the salt it can be checked, without it not even guessed.
CREATE FUNCTION public.prelude_commitment(class text, class_text text, salt bytea) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN class_text IS NULL THEN decode(repeat('00', 32), 'hex')
        ELSE sha256(salt || convert_to(class, 'UTF8') || '\x00'::bytea || convert_to(class_text, 'UTF8')) END;

CREATE FUNCTION public.prelude_commitment(log public.user_activity_logs, class text, salt bytea) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN public.prelude_commitment(class, public.prelude_class_text(log, class), salt);

-- What seals hold of rows that are about to change: one line for each row that is sealed, by its place in the arrays. Their salts are
-- wiped, so that what goes from the log can't be guessed from its seal. Called by who changes rows, before they change. There are no seals yet.
CREATE FUNCTION public.prelude_release(row_lanes integer[], row_seqs bigint[], event_ids uuid[], moments timestamptz[], class text)
    RETURNS TABLE (place bigint, before bytea)
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN;
END
$$;
REVOKE ALL ON FUNCTION public.prelude_release(integer[], bigint[], uuid[], timestamptz[], text) FROM PUBLIC;

-- governor: changes rows, and tells of it. It takes numbers of a lane for that, as writers do; it takes nothing back.
GRANT EXECUTE ON FUNCTION public.prelude_release(integer[], bigint[], uuid[], timestamptz[], text) TO prelude_governor;
GRANT INSERT (lane), UPDATE (last_seq) ON public.ingest_lanes TO prelude_governor;
GRANT SELECT, INSERT (lane, lane_seq, kind, actor, reason, detail) ON public.governance_acts TO prelude_governor;
GRANT SELECT, INSERT ON public.activity_changes TO prelude_governor;

GRANT SELECT ON public.governance_keys TO prelude_governor, prelude_writer;
GRANT SELECT ON public.governance_acts TO prelude_reader, prelude_keeper, prelude_sealer;
GRANT SELECT ON public.activity_changes TO prelude_sealer;
-- Without before, after and salt: what was there is nobody's guess.
GRANT SELECT (lane, lane_seq, act_id, row_lane, row_seq, event_id, "timestamp", kind, class) ON public.activity_changes
    TO prelude_reader, prelude_keeper;
