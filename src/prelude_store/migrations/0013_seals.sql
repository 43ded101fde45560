-- Seals: every committed row, amendment, change and act is a leaf of one Merkle tree (RFC 6962), in the order in which the sealer came by.
-- docs/seals.md tells what is hashed, and how.

-- Leaves, up to 256 of one lane in a row, by columns of fixed width; numbers are big endian.
CREATE TABLE public.seal_blocks (
    first_leaf bigint PRIMARY KEY CHECK (first_leaf >= 0),
    lane integer NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    count smallint NOT NULL CHECK (count BETWEEN 1 AND 256),
    kinds bytea NOT NULL CHECK (octet_length(kinds) = count),
    seqs bytea NOT NULL CHECK (octet_length(seqs) = 8 * count),
    event_ids bytea NOT NULL CHECK (octet_length(event_ids) = 16 * count),
    times bytea NOT NULL CHECK (octet_length(times) = 8 * count),
    bodies bytea NOT NULL CHECK (octet_length(bodies) = 32 * count),
    hints bytea NOT NULL CHECK (octet_length(hints) = 12 * count),
    salts bytea NOT NULL CHECK (octet_length(salts) = 48 * count),
    sealed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (lane, last_seq)
);
-- Random numbers do not shrink.
ALTER TABLE public.seal_blocks
    ALTER kinds SET STORAGE EXTERNAL, ALTER seqs SET STORAGE EXTERNAL, ALTER event_ids SET STORAGE EXTERNAL, ALTER times SET STORAGE EXTERNAL,
    ALTER bodies SET STORAGE EXTERNAL, ALTER hints SET STORAGE EXTERNAL, ALTER salts SET STORAGE EXTERNAL;
COMMENT ON COLUMN public.seal_blocks.kinds IS 'A letter each: r row, a amendment, c change, g act.';
COMMENT ON COLUMN public.seal_blocks.hints IS 'First four bytes of the three commitments of a row: they tell which class somebody tampered with.';
COMMENT ON COLUMN public.seal_blocks.salts IS 'Of person, device and content, 16 bytes each; zeros once the values went.';

-- Roots of full subtrees, as C2SP tlog-tiles has them: tile t of level l holds those of 256^l leaves, from number 256 t on. Level 0 would be
-- hashes of leaves, which blocks give.
CREATE TABLE public.seal_tiles (
    level smallint NOT NULL CHECK (level > 0),
    tile bigint NOT NULL,
    hashes bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (level, tile)
);
ALTER TABLE public.seal_tiles ALTER hashes SET STORAGE EXTERNAL;

-- Signed notes (C2SP tlog-checkpoint): so large was the tree, and this its root.
CREATE TABLE public.seal_checkpoints (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    note text NOT NULL
);
CREATE INDEX seal_checkpoints_signed_idx ON public.seal_checkpoints (signed_at);

-- How far the sealer has come.
CREATE TABLE public.seal_cursors (
    lane integer PRIMARY KEY,
    seq bigint NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE public.seal_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    origin text,
    size bigint NOT NULL DEFAULT 0,
    frontier bytea NOT NULL DEFAULT '',
    as_of timestamptz
) WITH (fillfactor = 20);
INSERT INTO public.seal_state DEFAULT VALUES;
COMMENT ON COLUMN public.seal_state.origin IS 'The name of this log in its checkpoints: that of its first key.';
COMMENT ON COLUMN public.seal_state.frontier IS 'Roots of the full subtrees, largest first: what the next root is made of.';
COMMENT ON COLUMN public.seal_state.as_of IS 'What was committed before then is sealed.';

-- Public halves of the keys that have signed here, in their order. A verifier who was given one need not trust this table.
CREATE TABLE public.seal_keys (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vkey text NOT NULL UNIQUE,
    since_size bigint NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Where in a block the leaf with this number is, from 0; NULL where it has none.
CREATE FUNCTION public.prelude_seal_place(seqs bytea, seq bigint) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted bytea := int8send(seq);
    low integer := 0;
    high integer := octet_length(seqs) / 8 - 1;
    middle integer;
    found_there bytea;
BEGIN
    WHILE low <= high LOOP
        middle := (low + high) / 2;
        found_there := substr(seqs, middle * 8 + 1, 8);
        IF found_there = wanted THEN
            RETURN middle;
        ELSIF found_there < wanted THEN
            low := middle + 1;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION public.prelude_release(
    row_lanes integer[], row_seqs bigint[], event_ids uuid[], moments timestamptz[], class text
)
    RETURNS TABLE (place bigint, before bytea)
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_hashjoin = off
    SET enable_mergejoin = off
    SET jit = off
AS $$
DECLARE
    nothing CONSTANT bytea := decode(repeat('00', 32), 'hex');
    first_byte CONSTANT integer := CASE class WHEN 'device' THEN 17 WHEN 'content' THEN 33 ELSE 1 END;
    width CONSTANT integer := CASE WHEN class IS NULL THEN 48 ELSE 16 END;
    no_salts CONSTANT bytea := decode(repeat('00', CASE WHEN class IS NULL THEN 48 ELSE 16 END), 'hex');
    hit_places bigint[];
    hit_blocks bigint[];
    hit_positions integer[];
    touched record;
    wiped bytea;
    hit integer;
BEGIN
    SELECT array_agg(given.place), array_agg(block.first_leaf), array_agg(found.at) INTO hit_places, hit_blocks, hit_positions
    FROM unnest(row_lanes, row_seqs) WITH ORDINALITY AS given (row_lane, row_seq, place)
    CROSS JOIN LATERAL (
        SELECT known.first_leaf, known.first_seq, known.count, known.seqs FROM public.seal_blocks AS known
        WHERE known.lane = given.row_lane AND known.last_seq >= given.row_seq ORDER BY known.last_seq LIMIT 1
    ) AS block
    CROSS JOIN LATERAL (
        -- Numbers of a block mostly follow each other.
        SELECT CASE WHEN given.row_seq - block.first_seq NOT BETWEEN 0 AND block.count - 1 THEN
                public.prelude_seal_place(block.seqs, given.row_seq)
            WHEN substr(block.seqs, (given.row_seq - block.first_seq)::integer * 8 + 1, 8) = int8send(given.row_seq) THEN
                (given.row_seq - block.first_seq)::integer
            ELSE public.prelude_seal_place(block.seqs, given.row_seq) END AS at
    ) AS found
    WHERE found.at IS NOT NULL;

    RETURN QUERY
    SELECT one.place, CASE
        WHEN prelude_release.class IS NULL THEN substr(block.bodies, one.at * 32 + 1, 32)
        WHEN earlier.changes > 0 THEN coalesce(earlier.after, nothing)
        ELSE (
            SELECT public.prelude_commitment(log, prelude_release.class, substr(block.salts, one.at * 48 + first_byte, 16))
            FROM public.user_activity_logs AS log
            WHERE log."timestamp" = prelude_release.moments[one.place] AND log.event_id = prelude_release.event_ids[one.place]
        ) END
    FROM unnest(hit_places, hit_blocks, hit_positions) AS one (place, first_leaf, at)
    JOIN public.seal_blocks AS block ON block.first_leaf = one.first_leaf
    CROSS JOIN LATERAL (
        SELECT count(*) AS changes, max(known.after) FILTER (WHERE known.salt IS NOT NULL) AS after FROM public.activity_changes AS known
        WHERE known.row_lane = row_lanes[one.place] AND known.row_seq = row_seqs[one.place]
            AND known.class = prelude_release.class AND known.before IS NOT NULL
    ) AS earlier;

    UPDATE public.activity_changes AS known SET salt = NULL
    FROM unnest(hit_places) AS one (place)
    WHERE known.row_lane = row_lanes[one.place] AND known.row_seq = row_seqs[one.place] AND known.salt IS NOT NULL
        AND (prelude_release.class IS NULL OR known.class = prelude_release.class);

    FOR touched IN
        SELECT one.first_leaf, array_agg(one.at) AS positions
        FROM unnest(hit_blocks, hit_positions) AS one (first_leaf, at) GROUP BY one.first_leaf ORDER BY one.first_leaf
    LOOP
        SELECT known.salts || ''::bytea INTO wiped FROM public.seal_blocks AS known WHERE known.first_leaf = touched.first_leaf;
        FOREACH hit IN ARRAY touched.positions LOOP
            wiped := overlay(wiped PLACING no_salts FROM hit * 48 + first_byte FOR width);
        END LOOP;
        UPDATE public.seal_blocks AS known SET salts = wiped WHERE known.first_leaf = touched.first_leaf;
    END LOOP;
END
$$;

-- sealer: adds leaves, and never takes one back. Old checkpoints are thinned out.
GRANT SELECT ON public.governance_acts, public.activity_changes TO prelude_sealer;
GRANT SELECT, INSERT ON public.seal_blocks, public.seal_keys TO prelude_sealer;
GRANT SELECT, INSERT, UPDATE ON public.seal_tiles, public.seal_cursors TO prelude_sealer;
GRANT SELECT, UPDATE ON public.seal_state TO prelude_sealer;
GRANT SELECT, INSERT (size, root, note), UPDATE (note), DELETE ON public.seal_checkpoints TO prelude_sealer;
GRANT SELECT ON public.seal_checkpoints, public.seal_state, public.seal_cursors, public.seal_keys TO prelude_reader, prelude_governor;

-- A length is sealed beside its row: a verifier finds it by the row.
CREATE INDEX activity_amendments_row_idx ON public.activity_amendments ("timestamp", event_id);
