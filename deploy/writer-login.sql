-- The login of the exporter: a member of prelude_writer and of nothing else. For psql; may run again, and then sets the password anew.
-- Its password comes from the environment, so that it stands on no command line.
\set ON_ERROR_STOP on
\getenv password PRELUDE_WRITER_PASSWORD

SELECT 'CREATE ROLE prelude_exporter'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'prelude_exporter') \gexec

ALTER ROLE prelude_exporter LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT PASSWORD :'password';
GRANT prelude_writer TO prelude_exporter;

-- The exporter sets shorter ones for its own sessions; these are for whoever else comes by with this login.
ALTER ROLE prelude_exporter SET statement_timeout = '60s';
ALTER ROLE prelude_exporter SET lock_timeout = '5s';
ALTER ROLE prelude_exporter SET idle_in_transaction_session_timeout = '60s';
