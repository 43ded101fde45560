-- What persons ask for (GDPR, Articles 15 to 22) with its deadline, what waits for a second pair of eyes, and receipts.

-- The address stands here while the request is open, and its keyed hash for good.
CREATE TABLE public.governance_requests (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL
        CHECK (kind IN ('access', 'portability', 'erasure', 'rename', 'rectification', 'restriction', 'objection')),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'running', 'done', 'refused', 'withdrawn')),
    email text,
    person bytea NOT NULL CHECK (octet_length(person) = 32),
    new_email text,
    new_person bytea CHECK (octet_length(new_person) = 32),
    note text,
    received_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL CHECK (due_at > received_at),
    extended_by smallint NOT NULL DEFAULT 0 CHECK (extended_by BETWEEN 0 AND 2),
    extension_reason text,
    opened_by text NOT NULL CHECK (opened_by <> ''),
    opened_at timestamptz NOT NULL DEFAULT now(),
    handled_by text,
    closed_at timestamptz,
    outcome text,
    failure text,
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    CHECK ((kind = 'rename') = (new_person IS NOT NULL)),
    CHECK ((extended_by > 0) = (extension_reason IS NOT NULL)),
    CHECK ((closed_at IS NULL) = (state IN ('open', 'running'))),
    CHECK (closed_at IS NULL OR (email IS NULL AND new_email IS NULL AND note IS NULL AND failure IS NULL))
);
CREATE UNIQUE INDEX governance_requests_open_idx ON public.governance_requests (person, kind) WHERE closed_at IS NULL;
CREATE INDEX governance_requests_due_idx ON public.governance_requests (due_at, id) WHERE closed_at IS NULL;
COMMENT ON COLUMN public.governance_requests.extended_by IS 'Months beyond the first one (Article 12(3)).';
COMMENT ON COLUMN public.governance_requests.failure IS 'Why it could not be carried out when that was last tried.';

-- What somebody would do, and somebody else must consent to. Only where four eyes are asked for.
CREATE TABLE public.governance_proposals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('set_policy', 'remove_policy', 'hold', 'release', 'erasure', 'rename')),
    content jsonb NOT NULL CHECK (jsonb_typeof(content) = 'object'),
    email text,
    reason text,
    request_id bigint REFERENCES public.governance_requests,
    proposed_by text NOT NULL CHECK (proposed_by <> ''),
    proposed_person bytea CHECK (octet_length(proposed_person) = 32),
    proposed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'consented', 'refused', 'withdrawn', 'expired')),
    decided_by text,
    decided_at timestamptz,
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    CHECK ((state = 'waiting') = (decided_at IS NULL)),
    CHECK (state = 'waiting' OR email IS NULL)
);
CREATE INDEX governance_proposals_waiting_idx ON public.governance_proposals (expires_at) WHERE state = 'waiting';
CREATE UNIQUE INDEX governance_proposals_request_idx ON public.governance_proposals (request_id) WHERE state = 'waiting';
COMMENT ON COLUMN public.governance_proposals.email IS 'Whom a hold is to be about, while it waits.';
COMMENT ON COLUMN public.governance_proposals.proposed_person IS 'Keyed hash of who holds the token, where it names one: another token of theirs is no second pair of eyes.';

-- What was handed out about what was done. Names nobody.
CREATE TABLE public.governance_receipts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('erase', 'rename', 'export')),
    person bytea NOT NULL CHECK (octet_length(person) = 32),
    act_id bigint NOT NULL REFERENCES public.governance_acts,
    request_id bigint REFERENCES public.governance_requests,
    made_at timestamptz NOT NULL DEFAULT now(),
    receipt jsonb NOT NULL CHECK (jsonb_typeof(receipt) = 'object')
);
CREATE INDEX governance_receipts_request_idx ON public.governance_receipts (request_id) WHERE request_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON public.governance_requests, public.governance_proposals TO prelude_governor;
GRANT SELECT, INSERT ON public.governance_receipts TO prelude_governor;
-- For who asks what is held on themselves.
GRANT SELECT (email, kind, state, received_at, due_at, extended_by, extension_reason, note, opened_at) ON public.governance_requests
    TO prelude_access;
