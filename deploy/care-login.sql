-- The login by which analytics looks into the quarantine, replays and discards: it reads entries, and writes rows. Answers are read by another
-- one. For psql; may run again, and then sets the password anew. The password comes from the environment, so that it stands on no command line.
\set ON_ERROR_STOP on
\getenv password PRELUDE_CARE_PASSWORD

SELECT 'CREATE ROLE prelude_care'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'prelude_care') \gexec

ALTER ROLE prelude_care LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT PASSWORD :'password';
GRANT prelude_governor, prelude_writer TO prelude_care;

ALTER ROLE prelude_care SET statement_timeout = '60s';
ALTER ROLE prelude_care SET lock_timeout = '5s';
ALTER ROLE prelude_care SET idle_in_transaction_session_timeout = '60s';
