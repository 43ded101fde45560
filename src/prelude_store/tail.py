"""What commits, in lane order: rows, and durations that became known later.

A reader's cursor is ``{lane: lane_seq}``. Numbers of one lane commit in order, so nothing ever appears behind a cursor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.rows import dict_row

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["POLL_SECONDS", "SESSION", "Change", "Cursor", "cursor_now", "poll"]

POLL_SECONDS: Final = 0.1
"""How often a reader process asks; NOTIFY would make every commit queue."""

SESSION: Final = {"plan_cache_mode": "force_generic_plan"}
"""Settings for the connection of one who polls: with ten years of partitions, planning anew took 108 ms a poll, one plan kept 10."""

Cursor = dict[int, int]

_PORTION: Final = 1000

_ROWS: Final = """
SELECT lane_seq, event_id::text, "timestamp", user_email, session_id, action_type, action_name, entity_type, entity_id, page_url,
    service_name, result_status, duration_ms
FROM public.user_activity_logs WHERE lane = %s AND lane_seq > %s AND lane_seq <= %s AND "timestamp" >= %s::timestamptz ORDER BY lane_seq
"""
_AMENDMENTS: Final = """
SELECT lane_seq, event_id::text, "timestamp", duration_ms
FROM public.activity_amendments WHERE lane = %s AND lane_seq > %s AND lane_seq <= %s AND "timestamp" >= %s::timestamptz ORDER BY lane_seq
"""


class Change(NamedTuple):
    """Something that was committed.

    Args:
        kind: ``row`` or ``amendment``.
        values: columns of the log, or ``event_id``, ``timestamp`` and ``duration_ms`` of the amendment.
    """

    kind: str
    lane: int
    lane_seq: int
    values: dict[str, Any]


def cursor_now(connection: Connection) -> Cursor:
    """A cursor behind all that is committed."""
    return {int(lane): int(seq) for lane, seq in connection.execute("SELECT lane, last_seq FROM public.ingest_lanes")}


def poll(connection: Connection, cursor: Cursor, earliest: datetime | None = None) -> tuple[list[Change], Cursor]:
    """What was committed behind `cursor`, a portion of each lane at a time, and the cursor to go on with.

    What concerns actions before `earliest` is left out.

    A lane that `cursor` does not know is read from its beginning: it did not exist yet.
    """
    changes: list[Change] = []
    moved = dict(cursor)
    for lane, last_seq in cursor_now(connection).items():
        seen = cursor.get(lane, 0)
        if last_seq <= seen:
            continue
        until = min(last_seq, seen + _PORTION)
        found: list[Change] = []
        with connection.cursor(row_factory=dict_row) as query:
            for kind, statement in (("row", _ROWS), ("amendment", _AMENDMENTS)):
                rows = query.execute(statement, [lane, seen, until, earliest or "-infinity"], prepare=True)
                found.extend(Change(kind, lane, values.pop("lane_seq"), values) for values in rows)
        changes.extend(sorted(found, key=lambda change: change.lane_seq))
        moved[lane] = until
    return changes, moved
