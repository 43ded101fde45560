"""The sweep: ids that stand in the log at two times. One id and time is one row by the key; one id at two times only this finds.

It walks the log in lane order, each row once, so a round costs what came since the last one, however large the log is. A UUIDv7 that
was made from the start of its action tells where its row stands: were the id there twice, one of the two would stand at a time that
its id does not tell. Those alone are listed (``id_sweep_untimed``), and looked up: in the list, and at the time that the id tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["Repeated", "Swept", "behind", "repeated", "sweep"]

_LOCK: Final = 0x7377656570  # "sweep"
_PORTION: Final = 100_000

_BEHIND: Final = """
SELECT lane, coalesce(swept_seq, 0), last_seq FROM public.ingest_lanes LEFT JOIN public.id_sweep_cursors USING (lane)
WHERE last_seq > coalesce(swept_seq, 0) ORDER BY lane
"""
_MAKE: Final = """
CREATE TEMP TABLE IF NOT EXISTS prelude_swept (
    event_id uuid, "timestamp" timestamptz, first_time timestamptz, last_time timestamptz
) ON COMMIT DELETE ROWS
"""
# Bytes 0 to 5 of a UUIDv7 are milliseconds, the 12 bits after the version the fraction of one (`uuid7_text` in the contract). They
# leave a quarter of a microsecond open, so it may tell two microseconds next to each other.
_TAKE: Final = """
INSERT INTO pg_temp.prelude_swept
SELECT event_id, "timestamp",
    CASE WHEN version = 7 THEN 'epoch'::timestamptz + (ms * 1000 + (fraction * 1000000 + 4095) / 4096 / 1000) * interval '1 microsecond' END,
    CASE WHEN version = 7 THEN 'epoch'::timestamptz + (ms * 1000 + ((fraction + 1) * 1000000 - 1) / 4096 / 1000) * interval '1 microsecond' END
FROM (SELECT event_id, "timestamp", uuid_send(event_id) AS b FROM public.user_activity_logs
      WHERE lane = %s AND lane_seq > %s AND lane_seq <= %s OFFSET 0) AS taken,
LATERAL (SELECT get_byte(b, 6) >> 4 AS version, (((get_byte(b, 6) & 15) << 8) | get_byte(b, 7))::bigint AS fraction,
    (get_byte(b, 0)::bigint << 40) | (get_byte(b, 1)::bigint << 32) | (get_byte(b, 2)::bigint << 24)
    | (get_byte(b, 3)::bigint << 16) | (get_byte(b, 4)::bigint << 8) | get_byte(b, 5) AS ms) AS told
"""
_LIST: Final = """
INSERT INTO public.id_sweep_untimed (event_id, "timestamp")
SELECT event_id, "timestamp" FROM pg_temp.prelude_swept
WHERE first_time IS NULL OR "timestamp" NOT IN (first_time, last_time) ORDER BY event_id ON CONFLICT DO NOTHING
"""
_FIND: Final = """
INSERT INTO public.repeated_event_ids (event_id, "timestamp", other_timestamp)
SELECT DISTINCT event_id, least("timestamp", other), greatest("timestamp", other) FROM (
    SELECT new.event_id, new."timestamp", listed."timestamp" AS other
    FROM pg_temp.prelude_swept AS new JOIN public.id_sweep_untimed AS listed
        ON listed.event_id = new.event_id AND listed."timestamp" <> new."timestamp"
    UNION ALL
    SELECT new.event_id, new."timestamp", log."timestamp"
    FROM pg_temp.prelude_swept AS new CROSS JOIN LATERAL (VALUES (first_time), (last_time)) AS told (moment)
    CROSS JOIN LATERAL (
        SELECT "timestamp" FROM public.user_activity_logs
        WHERE "timestamp" = told.moment AND event_id = new.event_id OFFSET 0
    ) AS log
    WHERE told.moment <> new."timestamp"
) AS pair
ON CONFLICT DO NOTHING RETURNING event_id::text, "timestamp", other_timestamp
"""
_MOVE_ON: Final = """
INSERT INTO public.id_sweep_cursors (lane, swept_seq) VALUES (%s, %s)
ON CONFLICT (lane) DO UPDATE SET swept_seq = excluded.swept_seq, swept_at = now()
"""
_REPEATED: Final = """
SELECT event_id::text, "timestamp", other_timestamp FROM public.repeated_event_ids ORDER BY found_at DESC, event_id LIMIT %s
"""


class Repeated(NamedTuple):
    """An id that stands in the log at two times."""

    event_id: str
    timestamp: datetime
    other_timestamp: datetime


@dataclass(slots=True)
class Swept:
    """What one portion gave.

    Attributes:
        places: how far it went on in the lanes; 0 when there was nothing more.
        rows: rows that it looked at.
        found: pairs that were not known yet.
        busy: somebody else is sweeping.
    """

    places: int = 0
    rows: int = 0
    found: list[Repeated] = field(default_factory=list)
    busy: bool = False


def behind(connection: Connection) -> int:
    """Places in the lanes that the sweep has still to pass."""
    return sum(last - swept for _, swept, last in connection.execute(_BEHIND).fetchall())


def repeated(connection: Connection, limit: int) -> list[Repeated]:
    """The `limit` pairs that were found last."""
    return [Repeated(*row) for row in connection.execute(_REPEATED, [limit])]


def sweep(connection: Connection, portion: int = _PORTION) -> Swept:
    """Look at the next `portion` places of the lanes, in one transaction; again until `Swept.places` is 0.

    Args:
        connection: of a writer; in autocommit mode.
    """
    with connection.transaction():
        if not _one(connection, "SELECT pg_try_advisory_xact_lock(%s)", _LOCK):
            return Swept(busy=True)
        swept = Swept()
        connection.execute(_MAKE)
        for lane, cursor, last in connection.execute(_BEHIND).fetchall():
            until = min(last, cursor + portion - swept.places)
            swept.rows += connection.execute(_TAKE, [lane, cursor, until]).rowcount
            connection.execute(_MOVE_ON, [lane, until])
            swept.places += until - cursor
            if swept.places >= portion:
                break
        if swept.rows:
            connection.execute("ANALYZE pg_temp.prelude_swept")
            connection.execute(_LIST)
            swept.found = [Repeated(*row) for row in connection.execute(_FIND)]
        return swept


def _one(connection: Connection, question: str, *values: Any) -> Any:
    row = connection.execute(question.encode(), values).fetchone()
    return row[0] if row else None
