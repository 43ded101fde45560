"""The join of rows with the lengths of their spans, where the two travel apart.

Both sides upsert one table by one key, in the order of the key: whichever commits second finds the other, and none waits for the
other in a circle. A writer takes its keys before it writes its rows; so a row whose span is known already is born with its duration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_otel.contract.duration import duration_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.row import ActivityRow, SpanLength

__all__ = ["Amendment", "Expired", "Joined", "amend", "expire", "meet"]

Key = tuple[str, str]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXPIRE_AT_ONCE: Final = 10_000

_UPSERT: Final = """
INSERT INTO public.span_joins AS known (trace_id, span_id, duration_ms, event_ids, timestamps)
SELECT trace_id, span_id, duration_ms, event_ids::uuid[], timestamps::timestamptz[]
FROM unnest(%s::text[], %s::text[], %s::int[], %s::text[], %s::text[])
    AS incoming (trace_id, span_id, duration_ms, event_ids, timestamps)
ORDER BY trace_id, span_id
ON CONFLICT (trace_id, span_id) DO UPDATE SET
    duration_ms = coalesce(known.duration_ms, excluded.duration_ms),
    event_ids = CASE WHEN known.duration_ms IS NOT NULL OR excluded.event_ids <@ known.event_ids THEN known.event_ids
        ELSE known.event_ids || excluded.event_ids END,
    timestamps = CASE WHEN known.duration_ms IS NOT NULL OR excluded.event_ids <@ known.event_ids THEN known.timestamps
        ELSE known.timestamps || excluded.timestamps END
RETURNING trace_id, span_id, duration_ms, event_ids, timestamps
"""

# The bounds let the planner leave out the partitions that can't hold any of the rows. A row takes the length of its own span alone:
# what waits here may be a record with other content than the row of its id and time, on its way to the quarantine.
_AMEND: Final = """
WITH amended AS (
    UPDATE public.user_activity_logs AS log SET duration_ms = span.duration_ms
    FROM unnest(%(event_ids)s::uuid[], %(timestamps)s::timestamptz[], %(durations)s::int[], %(trace_ids)s::text[], %(span_ids)s::text[])
        AS span (event_id, "timestamp", duration_ms, trace_id, span_id)
    WHERE log."timestamp" = span."timestamp" AND log.event_id = span.event_id AND log.duration_ms IS NULL
        AND log.trace_id = span.trace_id AND log.span_id = span.span_id
        AND log."timestamp" BETWEEN %(first)s AND %(last)s
    RETURNING log.event_id, log."timestamp", log.duration_ms
)
INSERT INTO public.activity_amendments (lane, lane_seq, event_id, "timestamp", duration_ms)
SELECT %(lane)s, %(seq)s - 1 + row_number() OVER (ORDER BY "timestamp", event_id), event_id, "timestamp", duration_ms FROM amended
"""

_EXPIRE: Final = """
DELETE FROM public.span_joins WHERE (trace_id, span_id) IN (
    SELECT trace_id, span_id FROM public.span_joins WHERE since < now() - %s ORDER BY since LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING duration_ms IS NULL, event_ids
"""


class Amendment(NamedTuple):
    """A committed row whose duration has become known."""

    timestamp: datetime
    event_id: UUID
    duration_ms: int
    trace_id: str
    span_id: str


@dataclass(slots=True)
class Joined:
    """What a meeting gave: lengths by key for the rows at hand, and rows committed earlier that are to be completed."""

    durations: dict[Key, int] = field(default_factory=dict)
    amendments: list[Amendment] = field(default_factory=list)


class Expired(NamedTuple):
    """What waited too long: halves removed, and rows among them that stay without a duration."""

    halves: int
    rows_without_duration: int


def meet(connection: Connection, rows: Iterable[ActivityRow], spans: Iterable[SpanLength]) -> Joined:
    """Bring `rows` that wait and `spans` to the table where each half meets its other; within an open transaction."""
    lengths = {(span.trace_id, span.span_id): duration_ms(span.duration_ns) for span in spans}
    waiting: dict[Key, list[ActivityRow]] = {key: [] for key in lengths}
    for row in rows:
        if row.waits and row.trace_id is not None and row.span_id is not None:
            waiting.setdefault((row.trace_id, row.span_id), []).append(row)
    if not waiting:
        return Joined()
    keys = sorted(waiting)
    # A row whose span is at hand has nothing to wait for.
    lists = [[] if key in lengths else waiting[key] for key in keys]
    returned = connection.execute(
        _UPSERT,
        [
            [key[0] for key in keys],
            [key[1] for key in keys],
            [lengths.get(key) for key in keys],
            [_array([row.event_id for row in rows]) for rows in lists],
            [_array([_moment(row.timestamp_us).isoformat() for row in rows]) for rows in lists],
        ],
        prepare=False,
    )
    joined = Joined()
    for trace_id, span_id, length, event_ids, timestamps in returned:
        if length is not None:
            joined.durations[trace_id, span_id] = length
            joined.amendments.extend(
                Amendment(at, event, length, trace_id, span_id) for event, at in zip(event_ids, timestamps, strict=True)
            )
    return joined


def amend(connection: Connection, amendments: Sequence[Amendment], lane: int, first_seq: int) -> int:
    """Complete committed rows, once each, and record it in `lane` from `first_seq` on; gives how many were completed."""
    ordered = sorted(set(amendments))
    if not ordered:
        return 0
    return connection.execute(
        _AMEND,
        {
            "event_ids": [amendment.event_id for amendment in ordered],
            "timestamps": [amendment.timestamp for amendment in ordered],
            "durations": [amendment.duration_ms for amendment in ordered],
            "trace_ids": [amendment.trace_id for amendment in ordered],
            "span_ids": [amendment.span_id for amendment in ordered],
            "first": ordered[0].timestamp,
            "last": ordered[-1].timestamp,
            "lane": lane,
            "seq": first_seq,
        },
        prepare=False,  # a plan made for these bounds alone
    ).rowcount


def expire(connection: Connection, window: timedelta) -> Expired:
    """Remove what has waited longer than `window` (``PRELUDE_SPAN_WINDOW``); the rows stay without a duration, and are counted.

    Args:
        connection: in autocommit mode; works in portions, so that no writer waits long.
    """
    halves, rows = 0, 0
    while True:
        gone = connection.execute(_EXPIRE, [window, _EXPIRE_AT_ONCE]).fetchall()
        halves += len(gone)
        rows += sum(len(set(event_ids)) for without, event_ids in gone if without)
        if len(gone) < _EXPIRE_AT_ONCE:
            return Expired(halves, rows)


def _moment(timestamp_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=timestamp_us)


def _array(texts: Sequence[str]) -> str:
    return "{" + ",".join(f'"{text}"' for text in texts) + "}"
