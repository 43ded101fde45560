"""Whether a login may do what a writer does. The writer's rights are on columns, so looking for rights on tables finds none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["may_write"]

_QUESTION: Final = """
SELECT current_setting('transaction_read_only') = 'off'
    AND has_column_privilege('public.user_activity_logs', 'event_id', 'INSERT')
    AND has_column_privilege('public.user_activity_logs', 'duration_ms', 'UPDATE')
    AND has_column_privilege('public.ingest_lanes', 'last_seq', 'UPDATE')
    AND has_table_privilege('public.span_joins', 'INSERT')
    AND has_column_privilege('public.activity_quarantine', 'payload', 'INSERT')
    AND has_function_privilege('public.prelude_ensure_partition(timestamptz)', 'EXECUTE')
"""


def may_write(connection: Connection) -> bool:
    """Whether this login may write rows, and the database takes writes at all; the schema must be there."""
    row = connection.execute(_QUESTION).fetchone()
    return bool(row and row[0])
