"""Figures of the store that change by themselves, found cheaply however large its tables are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["Gauges", "measure"]

_SAMPLE_PAGES: Final = 1000
"""Pages of the join table that are read (8 MB); a larger table is estimated from so many, taken at random."""

# Sides that have met stay in the table until they expire, since several records may share a span; so it has no index of those that wait.
_WAITING: Final = """
SELECT count(*) FILTER (WHERE duration_ms IS NULL), count(*) FILTER (WHERE cardinality(event_ids) = 0),
    coalesce(extract(epoch FROM now() - min(since) FILTER (WHERE duration_ms IS NULL)), 0)::float8
FROM public.span_joins TABLESAMPLE SYSTEM (%s)
"""
_PAGES: Final = "SELECT pg_relation_size('public.span_joins') / current_setting('block_size')::int"
_AHEAD: Final = """
SELECT count(*) FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'public.user_activity_logs'::regclass
    AND substring(pg_get_expr(child.relpartbound, child.oid) FROM 'FROM \\(''([^'']*)''\\)')::timestamptz > now()
"""
_CLOCK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"


class Gauges(NamedTuple):
    """What was found.

    Args:
        keys_waiting_for_span: trace and span ids whose rows have no duration yet; one nearly always means one row.
        spans_waiting_for_row: spans whose records have not come.
        oldest_waiting_seconds: since when the oldest row waits for its span; 0 when none does.
        partitions_ahead: weekly partitions after the one of today.
        clock_ahead_seconds: of the database's clock, before this machine's.
    """

    keys_waiting_for_span: int
    spans_waiting_for_row: int
    oldest_waiting_seconds: float
    partitions_ahead: int
    clock_ahead_seconds: float


def measure(connection: Connection) -> Gauges:
    """Look; a writer's rights suffice. What waits is counted in a small table, and estimated in a large one.

    Raises:
        psycopg.Error: the database did not answer.
    """
    pages = _one(connection, _PAGES)
    percent = min(100.0, 100.0 * _SAMPLE_PAGES / max(pages, 1))
    row = connection.execute(_WAITING, [percent]).fetchone() or (0, 0, 0.0)
    rows, spans = (round(count * 100 / percent) for count in row[:2])
    before = time.time()
    clock = _one(connection, _CLOCK)
    after = time.time()
    return Gauges(rows, spans, max(row[2], 0.0), int(_one(connection, _AHEAD)), clock - (before + after) / 2)


def _one(connection: Connection, question: str) -> float:
    row = connection.execute(question.encode()).fetchone()
    return row[0] if row else 0
