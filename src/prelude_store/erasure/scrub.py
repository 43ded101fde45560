"""What an UPDATE leaves behind goes from the disk, too: dead rows, index entries, statistics, and the write-ahead log.

A table that is rewritten has no dead rows; its old file is cut to nothing. Old segments of the write-ahead log are kept by the server to
be written over some day: this does so at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from prelude_otel.errors import StoreError
from prelude_store.connection import said
from prelude_store.erasure.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    from prelude_store.connection import Connection

__all__ = ["kept_wal", "refuse_without_rights", "scrub"]

TABLES: Final = (
    "user_rollups", "email_rollups", "customer_rollups", "activity_rollups", "latency_rollups", "user_session_summaries",
    "user_profiles", "activity_quarantine", "timeline_users", "timeline_actions", "timeline_services", "analytics_tokens",
    "analytics_sessions",
)  # fmt: skip
"""Beside the log: where the person was named."""

_PARTITIONS: Final = """
SELECT name, busy FROM (
    SELECT child.relname AS name, starts::timestamptz AS starts, now() < starts::timestamptz + interval '9 days' AS busy
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    CROSS JOIN LATERAL substring(pg_get_expr(relpartbound, child.oid) FROM 'FROM \\(''([^'']*)''\\)') AS starts
    WHERE inhparent = 'public.user_activity_logs'::regclass
) AS weeks WHERE EXISTS (
    SELECT FROM unnest(%s::date[]) AS days (day) WHERE day >= (starts AT TIME ZONE 'UTC')::date AND day < (starts AT TIME ZONE 'UTC')::date + 7
) ORDER BY starts
"""
_SUPERUSER: Final = "SELECT rolsuper, session_user::text FROM pg_roles WHERE rolname = current_user"
_SEGMENT: Final = "SELECT pg_walfile_name(pg_current_wal_lsn())"
_AHEAD: Final = (
    "SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_lsn())"
)
_BEHIND: Final = "SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' AND substr(name, 9) < substr(%s, 9)"
_LEFT: Final = """
SELECT size - mod(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), size)
FROM (SELECT setting::numeric AS size FROM pg_settings WHERE name = 'wal_segment_size') AS segment
"""
_FILLING: Final = 262_144
_FILL: Final = f"SELECT pg_logical_emit_message(true, 'prelude', repeat(' ', {_FILLING}))"
_LOCK_TIMEOUT: Final = "1500ms"
_TRIES: Final = 40


def refuse_without_rights(connection: Connection) -> None:
    """Make sure beforehand that the disk can be cleaned.

    Raises:
        StoreError: the login is no superuser; nobody else may recycle the write-ahead log or rewrite statistics.
    """
    superuser, login = connection.execute(_SUPERUSER).fetchone() or (False, "this login")
    if not superuser:
        raise StoreError(
            f"--scrub rewrites tables, statistics and the write-ahead log, which takes a superuser; {login} is none. Nothing was"
            " changed. Erase without it, and docs/personal-data.md says how long what lingers"
        )


def scrub(
    connection: Connection,
    days: Collection[date],
    progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
) -> list[str]:
    """Leave no trace on the disk of rows that were changed before.

    Args:
        connection: of a superuser, in autocommit mode.
        days: (UTC) of which rows were changed.
        progress: told what is being rewritten, how much is done, and of how much.

    Returns:
        What stays all the same, a sentence each.
    """
    partitions = connection.execute(_PARTITIONS, [sorted(days)]).fetchall()
    steps = len(partitions) + len(TABLES) + 2
    for done, (name, busy) in enumerate(partitions):
        progress(f"rewriting {name}", done, steps)
        if busy:
            rewrite(connection, name)  # rows land in it: nobody may wait until it is written
        else:
            _full(connection, name)
    for done, name in enumerate(TABLES, len(partitions)):
        progress(f"rewriting {name}", done, steps)
        _full(connection, name)
    progress("statistics", steps - 2, steps)
    for name in ("user_activity_logs", *(name for name, _ in partitions), *TABLES):
        connection.execute(sql.SQL("ANALYZE public.{}").format(sql.Identifier(name)))
    connection.execute("VACUUM FULL pg_catalog.pg_statistic")
    progress("write-ahead log", steps - 1, steps)
    kept = _renew_wal(connection)
    progress("done", steps, steps)
    return kept


def _full(connection: Connection, table: str) -> None:
    """Rewrite a table; whoever uses it waits, so this waits for no more than a moment before it begins, and tries again."""
    for attempt in range(_TRIES):
        try:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
            connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) public.{}").format(sql.Identifier(table)))
        except psycopg.errors.LockNotAvailable as error:
            if attempt == _TRIES - 1:
                raise StoreError(
                    f"{table} is in use all the time and was not rewritten ({said(error)}); what was erased is erased. Run the same"
                    " command again with --scrub at a quieter time"
                ) from None
        else:
            return
        finally:
            connection.execute("SELECT set_config('lock_timeout', '0', false)")


def _renew_wal(connection: Connection) -> list[str]:
    """Write over what the write-ahead log has held up to now. No setting is changed for it, so none is left changed where this is ended."""
    row = connection.execute(_SEGMENT).fetchone()
    begun_in = str(row[0]) if row else ""
    _fill_segment(connection)
    # What was written before goes, or waits under a new name until it is written over: going through those writes each to its end.
    connection.execute("CHECKPOINT")
    for _ in range(_number(connection, _AHEAD) + 1):
        _fill_segment(connection)
    connection.execute("CHECKPOINT")
    return kept_wal(connection, begun_in)


def _fill_segment(connection: Connection) -> None:
    """Write the segment of the write-ahead log to its end. A switch writes what is left of it, too, but lets nobody else write meanwhile."""
    while _number(connection, _LEFT) > 2 * _FILLING:
        connection.execute(_FILL)
    connection.execute("SELECT pg_logical_emit_message(true, 'prelude', 'scrub')")
    connection.execute("SELECT pg_switch_wal()")


def kept_wal(connection: Connection, segment: str) -> list[str]:
    """Why the write-ahead log still reaches back behind `segment`, a sentence each; nothing where it does not."""
    behind = _number(connection, _BEHIND, segment)
    if not behind:
        return []
    why = "are kept by the server's settings: a replication slot, an archive that is behind, or wal_keep_size; they go when that lets them"
    return [f"{behind} old segments of the write-ahead log {why}"]


def _number(connection: Connection, question: str, *values: str) -> int:
    row = connection.execute(question.encode(), values).fetchone()
    return int(row[0]) if row else 0
