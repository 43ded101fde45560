-- The order of commits. Each writer connection has a lane, and moves last_seq on in the transaction that stamps its rows; the
-- row lock makes the order of numbers the order of commits within a lane. Numbers may be left out, never handed in later.
CREATE TABLE public.ingest_lanes (
    lane integer PRIMARY KEY CHECK (lane > 0),
    last_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20); -- every flush updates a row: room to do it within the page

-- A duration that became known after its row was committed, with a place in the lanes, so that readers in lane order see it.
CREATE TABLE public.activity_amendments (
    lane integer NOT NULL,
    lane_seq bigint NOT NULL,
    event_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    amended_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lane, lane_seq)
);

-- Records that wait for their span, and spans that wait for their records: one table with one key that both sides upsert. Two
-- tables that each side looks into would lose the pairs whose halves commit at once.
CREATE TABLE public.span_joins (
    trace_id text NOT NULL,
    span_id text NOT NULL,
    duration_ms integer,
    event_ids uuid[] NOT NULL DEFAULT '{}',
    timestamps timestamptz[] NOT NULL DEFAULT '{}',
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (trace_id, span_id),
    CHECK (cardinality(event_ids) = cardinality(timestamps))
) WITH (fillfactor = 70);

CREATE INDEX span_joins_since_idx ON public.span_joins (since);

COMMENT ON COLUMN public.span_joins.duration_ms IS 'Length of the span; NULL until the span has come.';
COMMENT ON COLUMN public.span_joins.event_ids IS 'Rows that came before their span, with their times in timestamps; several may share one span.';
