-- The log itself. One row an activity; exactly one for one id and time, for as long as its partition lives.

-- A sequence rather than an identity column: PostgreSQL before 17 has no identity on partitioned tables.
-- Cached, since the hot path takes thousands at once; the order of commits is in the lanes, not here.
CREATE SEQUENCE public.user_activity_logs_id_seq AS bigint CACHE 100;

CREATE TABLE public.user_activity_logs (
    id bigint NOT NULL DEFAULT nextval('public.user_activity_logs_id_seq'),
    event_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    user_email text,
    session_id text,
    action_type text NOT NULL,
    action_name text NOT NULL,
    action_category text,
    entity_type text,
    entity_id text,
    page_url text,
    page_route text,
    service_name text,
    user_agent text,
    ip_address text,
    action_data jsonb,
    result_status text NOT NULL,
    result_data jsonb,
    duration_ms integer,
    tags text[],
    completes_event_id uuid,
    personal_paths text[],
    trace_id text,
    span_id text,
    content_hash bytea NOT NULL,
    lane integer NOT NULL,
    lane_seq bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Time first: newest-first lists read it in order, and foreign random ids do not scatter its writes.
    CONSTRAINT user_activity_logs_pkey PRIMARY KEY ("timestamp", event_id),
    CONSTRAINT user_activity_logs_action_type_check CHECK (action_type IN (
        'authentication', 'navigation', 'chat', 'crm', 'lead_generation', 'analytics',
        'task_management', 'calendar', 'settings', 'upload', 'export'
    )),
    CONSTRAINT user_activity_logs_result_status_check CHECK (result_status IN ('success', 'error', 'pending', 'timeout')),
    CONSTRAINT user_activity_logs_duration_ms_check CHECK (duration_ms >= 0),
    CONSTRAINT user_activity_logs_trace_check CHECK (length(trace_id) = 32 AND length(span_id) = 16)
) PARTITION BY RANGE ("timestamp");

ALTER SEQUENCE public.user_activity_logs_id_seq OWNED BY public.user_activity_logs.id;

CREATE INDEX user_activity_logs_user_idx ON public.user_activity_logs (user_email, "timestamp" DESC);
CREATE INDEX user_activity_logs_action_idx ON public.user_activity_logs (action_type, action_name, "timestamp" DESC);
CREATE INDEX user_activity_logs_entity_idx ON public.user_activity_logs (entity_type, entity_id, "timestamp" DESC);
CREATE INDEX user_activity_logs_lane_idx ON public.user_activity_logs (lane, lane_seq);

COMMENT ON TABLE public.user_activity_logs IS 'One row an activity. Written by COPY from the exporter; weekly partitions by the time of the action.';
COMMENT ON COLUMN public.user_activity_logs."timestamp" IS 'Start of the action, equal to the start of its span.';
COMMENT ON COLUMN public.user_activity_logs.duration_ms IS 'Length of the action''s span; NULL while it is unknown. Set once.';
COMMENT ON COLUMN public.user_activity_logs.completes_event_id IS 'The pending activity that this one ends.';
COMMENT ON COLUMN public.user_activity_logs.personal_paths IS 'Personal fields, where the exporter''s catalogue does not know the activity.';
COMMENT ON COLUMN public.user_activity_logs.content_hash IS 'Over the row as decoded, without duration: tells a resend from other content under the same id.';
COMMENT ON COLUMN public.user_activity_logs.lane_seq IS 'With lane: the order of commits. A reader''s cursor is {lane: lane_seq}.';
