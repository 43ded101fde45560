-- Who may read answers: tokens, and the sessions of browsers that showed one. Secrets are here as SHA-256 of 256 random bits.

-- The role of the service that checks credentials. To make one takes the login's own rights, as in the first migration.
SET LOCAL ROLE NONE;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'prelude_access') THEN
        BEGIN
            CREATE ROLE prelude_access NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database's migration in the same moment
        END;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO prelude_access', current_database());
END
$$;
SET LOCAL ROLE prelude_owner;
GRANT USAGE ON SCHEMA public TO prelude_access;

CREATE TABLE public.analytics_tokens (
    id text PRIMARY KEY CHECK (id ~ '^[a-z2-7]{10}$'), -- stands in the token, and is no secret
    token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    role text NOT NULL CHECK (role IN ('self', 'all', 'govern')),
    user_email text CHECK (user_email <> ''),
    name text,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    CHECK (role <> 'self' OR user_email IS NOT NULL)
);

CREATE TABLE public.analytics_sessions (
    id text PRIMARY KEY CHECK (id ~ '^[a-z2-7]{10}$'),
    session_hash bytea NOT NULL CHECK (octet_length(session_hash) = 32),
    token_id text NOT NULL REFERENCES public.analytics_tokens ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX analytics_sessions_token_idx ON public.analytics_sessions (token_id);
CREATE INDEX analytics_sessions_expires_idx ON public.analytics_sessions (expires_at);

-- The service checks tokens and keeps sessions. It makes no token, so whoever gets hold of it can't let others in for later.
GRANT SELECT, UPDATE (last_used_at) ON public.analytics_tokens TO prelude_access;
GRANT SELECT, INSERT, DELETE ON public.analytics_sessions TO prelude_access;

-- The governor gives and takes tokens.
GRANT SELECT, INSERT (id, token_hash, role, user_email, name, expires_at), UPDATE (revoked_at) ON public.analytics_tokens TO prelude_governor;
