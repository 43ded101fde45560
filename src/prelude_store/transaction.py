"""One transaction of a writer. Every writer takes its locks in the same order, so none waits for another in a circle:

1. keys of the span join, sorted; 2. its own lane; 3. rows by key, sorted; 4. rows completed by a key of 1; 5. quarantine by hash;
6. probes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from prelude_store import joins, lanes, quarantine
from prelude_store.batch import WriteResult
from prelude_store.known import known_rows
from prelude_store.placing import NOTHING, Way, place
from prelude_store.preparation import CONFLICT, PayloadOf, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_store.connection import Connection
    from prelude_store.row import ActivityRow, Probe, Quarantined

__all__ = ["Keep", "OtherErasuresError", "carry_out", "conflict"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Keep = Callable[["Connection", "Sequence[Quarantined]"], int]
"""What takes the entries of the quarantine: `prelude_store.quarantine.insert`; gives how many are new."""


class OtherErasuresError(Exception):
    """Somebody was erased since the erasures were loaded."""


def carry_out(
    connection: Connection,
    lane: int,
    work: Work,
    payload_of: PayloadOf,
    *,
    way: Way,
    keep: Keep,
    erasures: int | None = None,
    rehearsal: bool = False,
) -> WriteResult:
    """Write `work` in one transaction and commit it.

    Args:
        way: how rows get in.
        erasures: version of the erasures that `work` was sifted by; None: it holds nothing of anybody.
        rehearsal: roll back instead of committing.

    Raises:
        psycopg.Error: nothing of `work` was written.
        UnicodeEncodeError: as before; a text can't be UTF-8.
        OtherErasuresError: as before; there are newer erasures, which `work` must be sifted by first.
        OverflowError: as before; the time of a probe lies beyond the calendar.
    """
    with connection.transaction(force_rollback=rehearsal):
        joined = joins.meet(connection, work.rows, work.spans)
        rows, born = _with_durations(work.rows, joined)
        places = len(rows) + len(joined.amendments)
        version = erasures
        if places:
            first_seq, version = lanes.reserve_knowing(connection, lane, places)
        else:
            first_seq = 0
            if work.quarantined:
                version = lanes.newest_erasure(connection)
        if erasures is not None and version != erasures:
            raise OtherErasuresError
        placed = place(connection, rows, lane, first_seq, way) if rows else NOTHING
        others = [work.rows[at] for at, same in placed.known.items() if not same]
        if work.rivals:  # their keys are in the log by now
            same_as_there = known_rows(connection, work.rivals)
            others += [row for at, row in enumerate(work.rivals) if not same_as_there.get(at)]
        found = [conflict(row, payload_of) for row in others]
        entries = [*work.quarantined, *found] if found else work.quarantined
        amended = joins.amend(connection, joined.amendments, lane, first_seq + len(rows))
        quarantined = keep(connection, entries)
        _land(connection, work.probes)
    inserted = placed.inserted
    return WriteResult(
        inserted=inserted,
        duplicates=work.duplicates + len(work.rows) + len(work.rivals) - inserted - len(found),
        conflicts=len(found),
        quarantined=quarantined,
        joined=amended + sum(map(placed.holds, born)),
        reasons=Counter(entry.reason for entry in entries),
    )


def _with_durations(rows: list[ActivityRow], joined: joins.Joined) -> tuple[list[ActivityRow], set[str]]:
    if not joined.durations:
        return rows, set()
    completed, born = [], set()
    for row in rows:
        length = (
            joined.durations.get((row.trace_id, row.span_id)) if row.waits and row.trace_id and row.span_id else None
        )
        if length is not None:
            completed.append(row._replace(duration_ms=length))
            born.add(row.event_id)
        else:
            completed.append(row)
    return completed, born


def conflict(row: ActivityRow, payload_of: PayloadOf) -> Quarantined:
    """The entry for a row whose key is in the log with other content; `row` as it came, since its bytes go by the object."""
    detail = f"event {row.event_id} is in the log at the same time, with different content"
    return quarantine.quarantined_row(row, payload_of(row), CONFLICT, detail)


def _land(connection: Connection, probes: list[Probe]) -> None:
    for probe_id, service_name, sent_us in sorted(set(probes)):
        connection.execute(
            "INSERT INTO public.activity_probes (probe_id, service_name, sent_at) VALUES (%s::uuid, %s, %s) ON CONFLICT DO NOTHING",
            [probe_id, service_name, _EPOCH + timedelta(microseconds=sent_us)],
        )
