-- A profile enriches, and is not needed: no foreign key leads here (ruling 8).
CREATE TABLE public.user_profiles (
    email text PRIMARY KEY CHECK (email <> ''),
    name text,
    role text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The form in which the exporter writes user_email (ruling 18), so that a profile finds its rows whatever was typed.
CREATE FUNCTION public.prelude_normalise_profile() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- What Unicode calls white space, spelled out: what \s matches depends on the database's locale.
    spaces CONSTANT text := E'\t\n\u000B\f\r\u001C\u001D\u001E\u001F \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006'
        '\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000';
BEGIN
    NEW.email := normalize(lower(normalize(btrim(NEW.email, spaces), NFC)), NFC);
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER user_profiles_normalise BEFORE INSERT OR UPDATE ON public.user_profiles
    FOR EACH ROW EXECUTE FUNCTION public.prelude_normalise_profile();

-- Keyed by user and session, since clients choose session ids (ruling 12).
CREATE TABLE public.user_session_summaries (
    user_email text NOT NULL,
    session_id text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
    activity_count bigint NOT NULL CHECK (activity_count >= 0),
    error_count bigint NOT NULL CHECK (error_count >= 0),
    first_page text,
    last_page text,
    derived boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_email, session_id),
    CHECK (ended_at >= started_at)
);

CREATE INDEX user_session_summaries_started_idx ON public.user_session_summaries (started_at DESC);

COMMENT ON COLUMN public.user_session_summaries.derived IS 'True where the rows named no session: a user''s activities with no gap of 30 minutes.';
