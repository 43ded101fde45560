"""The state of the store in figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from prelude_store import migrations

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["status"]

_COUNT_TIMEOUT: Final = "2s"
_FIGURES: Final[dict[str, str]] = {
    "server_version": "SELECT current_setting('server_version')",
    "database": "SELECT current_database()",
    "database_bytes": "SELECT pg_database_size(current_database())",
    "partitions": "SELECT count(*) FROM pg_inherits WHERE inhparent = 'public.user_activity_logs'::regclass",
    "newest_partition": (
        "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'public.user_activity_logs'::regclass"
    ),
    "newest_row": 'SELECT max("timestamp") FROM public.user_activity_logs',
    "lanes": "SELECT count(*) FROM public.ingest_lanes",
    "amendments": "SELECT count(*) FROM public.activity_amendments",
    "rows_waiting_for_span": (
        "SELECT coalesce(sum(cardinality(event_ids)), 0)::bigint FROM public.span_joins WHERE duration_ms IS NULL"
    ),
    "repeated_ids": "SELECT count(*) FROM public.repeated_event_ids",
    "quarantined": "SELECT count(*) FROM public.activity_quarantine WHERE replayed_at IS NULL",
}
_COUNTED: Final = "SELECT count(*) FROM public.user_activity_logs"
_ESTIMATED: Final = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint
FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid WHERE inhparent = 'public.user_activity_logs'::regclass
"""


def status(connection: Connection) -> dict[str, Any]:
    """Figures by name; None for what this login may not see, or what takes longer than two seconds to find out.

    ``rows`` is counted, or estimated where counting takes too long; ``rows_exact`` says which.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
    """
    migrations.check(connection)
    connection.execute("SELECT set_config('statement_timeout', %s, false)", [_COUNT_TIMEOUT])
    figures: dict[str, Any] = {"schema_version": migrations.schema_version(connection)}
    figures |= {name: _ask(connection, question) for name, question in _FIGURES.items()}
    counted = _ask(connection, _COUNTED)
    figures["rows"] = counted if counted is not None else _ask(connection, _ESTIMATED)
    figures["rows_exact"] = counted is not None
    return figures


def _ask(connection: Connection, question: str) -> Any:
    try:
        row = connection.execute(question.encode()).fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled):
        return None
    return row[0] if row else None
