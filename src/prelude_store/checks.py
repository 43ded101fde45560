"""What `prelude doctor` asks the store: can the database be reached, is it as it must be, and did the probe land."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psycopg

from prelude_otel.errors import ConfigurationError, SchemaError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.rights import may_write
from prelude_store.settings import database_url, target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prelude_store.connection import Connection

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]
"""Name, whether it is well (None: could not be tried), what was found, what mends it."""

_PROBE_SECONDS: Final = 10.0
_PROBE_POLL_SECONDS: Final = 0.2
_SKEW_SECONDS: Final = 2.0

_REMEDIES: Final = (
    (
        "password authentication failed",
        "The password is wrong for this user: check PRELUDE_DATABASE_URL or ANALYTICS_DB_PASSWORD.",
    ),
    (
        "no password supplied",
        "The database asks for a password: put it into PRELUDE_DATABASE_URL or ANALYTICS_DB_PASSWORD.",
    ),
    (
        "does not exist",
        "Create it (for the database: CREATE DATABASE …, then `prelude store migrate`), or correct the name.",
    ),
    (
        "no pg_hba.conf entry",
        "The server lets nobody in from this machine as this user: add a line to its pg_hba.conf.",
    ),
    ("too many", "The server has no connection left: raise max_connections, or put a pooler in front of it."),
    (
        "not permitted to log in",
        "Use a login, and make it a member of the role: CREATE ROLE … LOGIN IN ROLE prelude_writer.",
    ),
    ("name or service not known", "The host's name is not known here: check the spelling in the URL, and DNS."),
    ("failed to resolve", "The host's name is not known here: check the spelling in the URL, and DNS."),
    ("starting up", "The server is starting: try again in a moment."),
    ("timeout", "Nobody answers at that address: check host, port, firewall and whether the server runs."),
    (
        "refused",
        "No server listens there: start PostgreSQL, or correct host and port. `prelude up` brings one of its own.",
    ),
    ("no such file", "No server listens on that socket: start PostgreSQL, or correct the path."),
)


def checks(context: Mapping[str, str]) -> Iterator[Finding]:
    """Findings of this room; `context` holds ``database_url`` (may be empty: then as every command finds it) and ``probe_id``."""
    try:
        conninfo = database_url(context.get("database_url") or None)
    except ConfigurationError as error:
        yield "database", None, str(error), "Give --database-url, or set PRELUDE_DATABASE_URL."
        return
    try:
        connection = connect(conninfo, "prelude-doctor", statement_timeout="5s")
    except StoreUnavailableError as error:
        yield "database", False, str(error), _remedy(str(error))
        return
    with connection:
        yield "database", True, f"{target(conninfo)} answers, PostgreSQL {connection.info.server_version // 10_000}", ""
        try:
            yield from _look(connection, context.get("probe_id", ""))
        except SchemaError as error:
            yield "schema", False, str(error), "Run the command that the message names."
        except psycopg.Error as error:
            yield "store", False, f"the database refused a question: {said(error)}", "See the server's log."


def _look(connection: Connection, probe_id: str) -> Iterator[Finding]:
    migrations.check(connection)
    yield "schema", True, f"version {migrations.schema_version(connection)}", ""
    writable = _read_only(connection)
    yield writable
    if writable[1]:
        yield _rights(connection)
    yield _clock(connection)
    yield _probe(connection, probe_id)


def _remedy(message: str) -> str:
    lowered = message.lower()
    found = (remedy for sign, remedy in _REMEDIES if sign in lowered)
    return next(found, "See what the database said, and its log.")


def _read_only(connection: Connection) -> Finding:
    row = connection.execute("SELECT current_setting('transaction_read_only') = 'on', pg_is_in_recovery()").fetchone()
    read_only, standby = row or (False, False)
    if not read_only:
        return "database writes", True, "the database takes writes", ""
    said_ = "this is a standby, which takes no writes" if standby else "the database is set to read only"
    return (
        "database writes",
        False,
        said_,
        "Give the URL of the primary." if standby else "Set default_transaction_read_only to off.",
    )


def _rights(connection: Connection) -> Finding:
    user = connection.info.user
    if may_write(connection):
        return "writer rights", True, f"{user} may write the log", ""
    remedy = (
        f'If the exporter uses this login: GRANT prelude_writer TO "{user}". If not, give doctor the exporter\'s URL.'
    )
    return "writer rights", False, f"{user} may not write the log", remedy


def _clock(connection: Connection) -> Finding:
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    after = time.time()
    ahead = float(row[0]) - (before + after) / 2 if row else 0.0
    if abs(ahead) <= _SKEW_SECONDS + (after - before):
        return "clock", True, f"this machine and the database agree to {abs(ahead):.1f} s", ""
    direction = "ahead of" if ahead > 0 else "behind"
    found = f"the database's clock is {abs(ahead):.1f} s {direction} this machine's"
    return "clock", False, found, "Set both by NTP. Rows too far in the future go to quarantine."


def _probe(connection: Connection, probe_id: str) -> Finding:
    try:
        UUID(probe_id)
    except ValueError:
        return "probe landed", None, "no probe was sent", ""
    allowed = connection.execute("SELECT has_table_privilege('public.activity_probes', 'SELECT')").fetchone()
    if not allowed or not allowed[0]:
        return "probe landed", None, "this login may not look for the probe", "Give doctor the exporter's URL."
    started = time.monotonic()
    while True:
        row = connection.execute(
            "SELECT extract(epoch FROM landed_at - sent_at)::float8 FROM public.activity_probes WHERE probe_id = %s::uuid",
            [probe_id],
        ).fetchone()
        if row is not None:
            return "probe landed", True, f"the probe landed {max(row[0], 0):.2f} s after it was sent", ""
        if time.monotonic() - started > _PROBE_SECONDS:
            remedy = "Look at the first finding above that is not well; else at the Collector's and the exporter's log."
            return "probe landed", False, f"the probe did not land within {_PROBE_SECONDS:.0f} s", remedy
        time.sleep(_PROBE_POLL_SECONDS)
