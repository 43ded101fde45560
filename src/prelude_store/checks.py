"""What `prelude doctor` asks the store: can the database be reached, is it as it must be, and did the probe land."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict

from prelude_otel.errors import ConfigurationError, SchemaError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.remedies import remedy_for
from prelude_store.retention.figures import figures
from prelude_store.rights import may_write
from prelude_store.seals import checks as seals
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

_HOPELESS_SECONDS: Final = 1.0
_MIB: Final = 1024 * 1024
_LITTLE: Final = 512 * _MIB
_RETENTION_LATE: Final = timedelta(days=2)
_NO_QUARANTINE: Final = "its login may not look; prelude store quarantine list, by one that is in prelude_governor"


def checks(context: Mapping[str, str]) -> Iterator[Finding]:
    """Findings of this room.

    Args:
        context: ``database_url`` (may be empty: then as every command finds it), ``probe_id`` (empty: none was taken), and
            ``in_doubt`` where something on the way to here is wrong; and what `seals.checks` is told.
    """
    try:
        conninfo = database_url(context.get("database_url") or None)
    except ConfigurationError as error:
        yield "database", None, str(error), "Give --database-url, or set PRELUDE_DATABASE_URL."
        return
    try:
        connection = connect(conninfo, "prelude-doctor", statement_timeout="5s")
    except StoreUnavailableError as error:
        yield "database", False, str(error), remedy_for(str(error))
        return
    with connection:
        yield "database", True, f"{target(conninfo)} answers, PostgreSQL {connection.info.server_version // 10_000}", ""
        try:
            yield from _look(connection, conninfo, context)
        except SchemaError as error:
            yield "schema", False, str(error), "Run the command that the message names."
        except psycopg.Error as error:
            yield "store", False, f"the database refused a question: {said(error)}", "See the server's log."


def _look(connection: Connection, conninfo: str, context: Mapping[str, str]) -> Iterator[Finding]:
    migrations.check(connection)
    yield "schema", True, f"version {migrations.schema_version(connection)}", ""
    writable = _read_only(connection)
    yield writable
    if writable[1]:
        yield _rights(connection)
    yield _clock(connection)
    yield from _disk(connection, conninfo)
    yield _quarantine(connection)
    yield from _retention(connection)
    yield from seals.checks(connection, context)
    yield _probe(connection, context.get("probe_id", ""), bool(context.get("in_doubt")))


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


def _disk(connection: Connection, conninfo: str) -> Iterator[Finding]:
    """Room on the disk of a server on this machine, where this login is told the folder; PostgreSQL itself tells nobody."""
    host = str(conninfo_to_dict(conninfo).get("host") or "")
    if not (host.startswith("/") or host in ("", "localhost", "127.0.0.1", "::1")):
        return
    try:
        row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        free = shutil.disk_usage(row[0]).free if row else 0
    except (psycopg.Error, OSError):
        return
    if free >= _LITTLE:
        yield "disk", True, f"{free / _MIB:,.0f} MiB are free", ""
    else:
        yield "disk", False, f"the disk of the database has {free / _MIB:.0f} MiB left", remedy_for("no space left")


def _quarantine(connection: Connection) -> Finding:
    name = "quarantine"
    try:
        rows = connection.execute(
            "SELECT reason, count(*) FROM public.activity_quarantine"
            " WHERE replayed_at IS NULL AND received_at > now() - interval '1 hour' GROUP BY reason ORDER BY reason"
        ).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return name, None, _NO_QUARANTINE, ""
    if not rows:
        return name, True, "nothing came to it within the last hour", ""
    said_ = ", ".join(f"{count} {reason}" for reason, count in rows)
    remedy = "prelude store quarantine list says what; docs/quarantine.md what each reason means"
    return name, False, f"records can't become rows; within the last hour: {said_}", remedy


def _retention(connection: Connection) -> Iterator[Finding]:
    """Policies that are set and not carried out; nothing where this login may not look, as that of the exporter, or there are none."""
    try:
        found = figures(connection)
    except psycopg.errors.InsufficientPrivilege:
        return
    since = found.last_done or found.policies_since
    if since is None or not found.policies:
        return
    name, late = "retention", found.now - since
    said_ = (
        f"{found.policies} policies, carried out last {_ago(late)} ago"
        if found.last_done
        else "policies were never carried out"
    )
    if late <= _RETENTION_LATE:
        yield name, True, said_ if found.last_done else f"{found.policies} policies, set {_ago(late)} ago", ""
        return
    why = f": {found.failure}" if found.failure else ""
    remedy = "Run prelude store retain run, from cron, or GRANT prelude_governor TO the login of prelude analytics, which then does it daily."
    yield name, False, f"{said_}{why}", remedy


def _ago(length: timedelta) -> str:
    hours = int(length.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004


def _probe(connection: Connection, probe_id: str, in_doubt: bool) -> Finding:
    try:
        UUID(probe_id)
    except ValueError:
        return "probe landed", None, "none was taken, so none is looked for", ""
    allowed = connection.execute("SELECT has_table_privilege('public.activity_probes', 'SELECT')").fetchone()
    if not allowed or not allowed[0]:
        return "probe landed", None, "this login may not look for the probe", "Give doctor the exporter's URL."
    started, most = time.monotonic(), _HOPELESS_SECONDS if in_doubt else _PROBE_SECONDS
    while True:
        row = connection.execute(
            "SELECT extract(epoch FROM landed_at - sent_at)::float8 FROM public.activity_probes WHERE probe_id = %s::uuid",
            [probe_id],
        ).fetchone()
        if row is not None:
            return "probe landed", True, f"the probe landed {max(row[0], 0):.2f} s after it was sent", ""
        if time.monotonic() - started > most:
            remedy = "Look at the first finding above that is not well; else at the Collector's and the exporter's log."
            return "probe landed", False, f"the probe did not land within {most:.0f} s", remedy
        time.sleep(_PROBE_POLL_SECONDS)
