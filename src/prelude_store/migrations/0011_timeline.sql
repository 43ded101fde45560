-- The timeline: each UTC day of the log once more, by columns, for questions about what people do one after the other (funnels,
-- cohorts, paths). Arrays are bytea, little endian, each value of one width; a day's rows stand by user and then in the order of that
-- user's life (time, lane, lane_seq, event_id). Rows without a user, and pending ones that were completed, are left out.
-- All of it can be made anew from the log: prelude store rollup rebuild.

CREATE TABLE public.timeline_users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_email text NOT NULL UNIQUE
);

CREATE TABLE public.timeline_actions (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action_type text NOT NULL,
    action_name text NOT NULL,
    UNIQUE (action_type, action_name)
);

CREATE TABLE public.timeline_services (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_name text NOT NULL UNIQUE
);

CREATE TABLE public.timeline_days (
    day date PRIMARY KEY,
    dirty boolean NOT NULL DEFAULT true,
    built_at timestamptz,
    built_ms integer NOT NULL DEFAULT 0,
    row_count integer NOT NULL DEFAULT 0,
    user_count integer NOT NULL DEFAULT 0,
    users bytea NOT NULL DEFAULT '',
    counts bytea NOT NULL DEFAULT '',
    first_times bytea NOT NULL DEFAULT '',
    last_times bytea NOT NULL DEFAULT '',
    actions bytea NOT NULL DEFAULT '',
    gaps bytea NOT NULL DEFAULT '',
    times bytea NOT NULL DEFAULT '',
    statuses bytea NOT NULL DEFAULT '',
    services bytea NOT NULL DEFAULT ''
);

CREATE TABLE public.activity_days (
    day date NOT NULL REFERENCES public.timeline_days ON DELETE CASCADE,
    action_id integer NOT NULL,
    row_count integer NOT NULL,
    users bytea NOT NULL,
    ordinals bytea NOT NULL,
    times bytea NOT NULL,
    statuses bytea NOT NULL,
    services bytea NOT NULL,
    PRIMARY KEY (day, action_id)
);

-- Compression would cost the reader more than the disk: numbers such as these shrink little.
ALTER TABLE public.timeline_days
    ALTER users SET STORAGE EXTERNAL, ALTER counts SET STORAGE EXTERNAL, ALTER first_times SET STORAGE EXTERNAL,
    ALTER last_times SET STORAGE EXTERNAL, ALTER actions SET STORAGE EXTERNAL, ALTER gaps SET STORAGE EXTERNAL,
    ALTER times SET STORAGE EXTERNAL, ALTER statuses SET STORAGE EXTERNAL, ALTER services SET STORAGE EXTERNAL;
ALTER TABLE public.activity_days
    ALTER users SET STORAGE EXTERNAL, ALTER ordinals SET STORAGE EXTERNAL, ALTER times SET STORAGE EXTERNAL,
    ALTER statuses SET STORAGE EXTERNAL, ALTER services SET STORAGE EXTERNAL;

-- How far the lanes have been followed, to learn which days have changed.
CREATE TABLE public.timeline_cursors (
    lane integer PRIMARY KEY,
    seq bigint NOT NULL
);

CREATE TABLE public.timeline_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    followed_at timestamptz
);
INSERT INTO public.timeline_state DEFAULT VALUES;

-- Where pending rows stand, so that a completion, which knows only an id, finds the day that it changes.
CREATE TABLE public.timeline_pending (
    event_id uuid NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (event_id, day)
);

COMMENT ON TABLE public.timeline_days IS 'A UTC day by columns. users, counts, first_times, last_times: one value a user; the rest: one a row.';
COMMENT ON COLUMN public.timeline_days.dirty IS 'Rows came since it was built.';
COMMENT ON COLUMN public.timeline_days.gaps IS 'Whole seconds since the row before of the same user, rounded up, at most 65535; uint16.';
COMMENT ON TABLE public.activity_days IS 'One action of a day by columns, so that a funnel reads its own steps alone.';
COMMENT ON COLUMN public.activity_days.ordinals IS 'Place of the row among those of its user on that day; int32.';

GRANT SELECT, INSERT, UPDATE, DELETE ON public.timeline_users, public.timeline_actions, public.timeline_services,
    public.timeline_days, public.activity_days, public.timeline_cursors, public.timeline_state, public.timeline_pending
    TO prelude_keeper;
GRANT SELECT ON public.timeline_users, public.timeline_actions, public.timeline_services, public.timeline_days,
    public.activity_days, public.timeline_cursors, public.timeline_state TO prelude_reader;
-- An erasure takes the person's name from the timeline, and has the days made anew.
GRANT SELECT, DELETE ON public.timeline_users TO prelude_governor;
GRANT SELECT (day, dirty), UPDATE (dirty) ON public.timeline_days TO prelude_governor;
