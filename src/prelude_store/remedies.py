"""What mends a database that does not do as it is asked, by what it says."""

from __future__ import annotations

from typing import Final

__all__ = ["remedy_for"]

# The first sign that the message holds, in lower case.
_REMEDIES: Final = (
    ("no space left", "The disk of the database is full: make room on it, or give it a larger one. Nothing needs a restart of ours."),
    ("53100", "The disk of the database is full: make room on it, or give it a larger one. Nothing needs a restart of ours."),
    ("password authentication failed", "The password is wrong for this user: check PRELUDE_DATABASE_URL or ANALYTICS_DB_PASSWORD."),
    ("no password supplied", "The database asks for a password: put it into PRELUDE_DATABASE_URL or ANALYTICS_DB_PASSWORD."),
    ("permission denied", "The exporter's login lacks rights: GRANT prelude_writer TO that login, and prelude store migrate."),
    ("newer than", "Upgrade prelude-otel where this program runs."),
    ("prelude store migrate", "Run prelude store migrate, with a login that owns the database."),
    ("read-only", "The database takes no writes: give the URL of the primary, or set default_transaction_read_only to off."),
    ("does not exist", "Create it (for the database: CREATE DATABASE …, then `prelude store migrate`), or correct the name."),
    ("no pg_hba.conf entry", "The server lets nobody in from this machine as this user: add a line to its pg_hba.conf."),
    ("too many", "The server has no connection left: raise max_connections, or put a pooler in front of it."),
    ("remaining connection slots", "The server has no connection left: raise max_connections, or put a pooler in front of it."),
    ("not permitted to log in", "Use a login, and make it a member of the role: CREATE ROLE … LOGIN IN ROLE prelude_writer."),
    ("name or service not known", "The host's name is not known here: check the spelling in the URL, and DNS."),
    ("failed to resolve", "The host's name is not known here: check the spelling in the URL, and DNS."),
    ("starting up", "The server is starting: try again in a moment."),
    ("lock timeout", "Something holds a lock on the log, a migration or an open session: see pg_stat_activity."),
    ("statement timeout", "The database is slow: see what keeps it busy in pg_stat_activity."),
    ("timeout", "Nobody answers at that address: check host, port, firewall and whether the server runs."),
    ("refused", "No server listens there: start PostgreSQL, or correct host and port. `prelude up` brings one of its own."),
    ("no such file", "No server listens on that socket: start PostgreSQL, or correct the path."),
)  # fmt: skip


def remedy_for(message: str) -> str:
    """What to do about `message`, which the database or libpq gave."""
    lowered = message.lower()
    found = (remedy for sign, remedy in _REMEDIES if sign in lowered)
    return next(found, "See what the database said, and its log.")
