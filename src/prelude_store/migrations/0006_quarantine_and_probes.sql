-- What could not become a row, with its reason and its bytes; once, however often it is resent.
CREATE TABLE public.activity_quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now(),
    signal text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    payload_hash bytea NOT NULL UNIQUE,
    replayed_at timestamptz
);

CREATE INDEX activity_quarantine_waiting_idx ON public.activity_quarantine (received_at) WHERE replayed_at IS NULL;

-- The marked records of `prelude doctor`, which never reach the log.
CREATE TABLE public.activity_probes (
    probe_id uuid PRIMARY KEY,
    service_name text,
    sent_at timestamptz NOT NULL,
    landed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
