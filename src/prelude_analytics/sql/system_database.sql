-- The database as a whole.
SELECT current_setting('server_version') AS server_version, pg_database_size(current_database()) AS bytes,
    (SELECT max(version) FROM public.prelude_migrations) AS schema_version,
    (SELECT min(applied_at) FROM public.prelude_migrations) AS began, now() AS now
