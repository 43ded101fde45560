-- Who may do what. Roles belong to the whole server, so another database may have made them already, or be making them now.
-- They have no login: a login is made a member of one of them, e.g. GRANT prelude_writer TO exporter.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['prelude_owner', 'prelude_writer', 'prelude_reader', 'prelude_governor', 'prelude_sealer'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database's migration in the same moment
        END;
    END LOOP;
    IF NOT pg_has_role(current_user, 'prelude_owner', 'MEMBER') THEN
        EXECUTE format('GRANT prelude_owner TO %I', current_user);
    END IF;
    EXECUTE format(
        'GRANT CONNECT, TEMPORARY ON DATABASE %I TO prelude_owner, prelude_writer, prelude_reader, prelude_governor, prelude_sealer',
        current_database()
    );
END
$$;

GRANT USAGE, CREATE ON SCHEMA public TO prelude_owner;
GRANT USAGE ON SCHEMA public TO prelude_writer, prelude_reader, prelude_governor, prelude_sealer;
