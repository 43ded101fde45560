-- The login of analytics: it reads the log, keeps the figures made of it, seals it, and knows who may ask. It writes no activity. For psql; may run
-- again, and then sets the password anew. The password comes from the environment, so that it stands on no command line.
\set ON_ERROR_STOP on
\getenv password PRELUDE_ANALYTICS_PASSWORD

SELECT 'CREATE ROLE prelude_analytics'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'prelude_analytics') \gexec

ALTER ROLE prelude_analytics LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT PASSWORD :'password';
GRANT prelude_reader, prelude_keeper, prelude_access, prelude_sealer TO prelude_analytics;

-- Analytics sets shorter ones for what it asks; a pass that keeps the figures of a large log takes its time.
ALTER ROLE prelude_analytics SET lock_timeout = '5s';
ALTER ROLE prelude_analytics SET idle_in_transaction_session_timeout = '60s';
