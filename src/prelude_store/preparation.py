"""What is decided about a batch before the database is asked: pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from prelude_store.batch import Batch
from prelude_store.quarantine import quarantined_row
from prelude_store.row import ActivityRow, Payload, Probe, Quarantined, SpanLength
from prelude_store.suspicion import misshapen

__all__ = ["CONFLICT", "OUT_OF_RANGE", "Work", "halves", "payload_finder", "prepare", "without_misshapen"]

CONFLICT = "content_conflict"
OUT_OF_RANGE = "timestamp_out_of_range"

PayloadOf = Callable[[ActivityRow], Payload | None]


@dataclass(slots=True)
class Work:
    """A batch as it is written: rows sorted by key, each key once, each time within the accepted interval.

    Attributes:
        rivals: rows whose key an earlier one of the batch has, with other content. The log says which of them it knows.
        duplicates: rows whose key an earlier one of the batch has, with the same content.
    """

    rows: list[ActivityRow] = field(default_factory=list)
    spans: list[SpanLength] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    rivals: list[ActivityRow] = field(default_factory=list)
    duplicates: int = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.spans) + len(self.quarantined) + len(self.probes) + len(self.rivals)


def payload_finder(batch: Batch) -> PayloadOf:
    """Looks up the bytes that a row of `batch`, the very object, was made from; only asked where something went wrong."""
    rows, payloads = batch.rows, batch.payloads
    places: dict[int, int] = {}

    def payload_of(row: ActivityRow) -> Payload | None:
        if payloads is None:
            return None
        if not places:  # most batches are never asked
            if len(payloads) != len(rows):
                raise ValueError(f"{len(rows)} rows came with {len(payloads)} payloads")
            places.update((id(known), place) for place, known in enumerate(rows))
        place = places.get(id(row))
        return None if place is None else payloads[place]

    return payload_of


def prepare(batch: Batch, earliest_us: int, latest_us: int, payload_of: PayloadOf) -> Work:
    """Sort by key, take out what the batch holds twice, and quarantine what lies outside the accepted interval."""
    work = Work(spans=batch.spans, quarantined=list(batch.quarantined), probes=batch.probes)
    ordered = sorted(batch.rows, key=itemgetter(0, 1))
    if ordered and (ordered[0].timestamp_us < earliest_us or ordered[-1].timestamp_us > latest_us):
        fitting = []
        for row in ordered:
            if earliest_us <= row.timestamp_us <= latest_us:
                fitting.append(row)
            else:
                detail = f"time {row.timestamp_us} µs since 1970 is outside the accepted interval, {earliest_us} to {latest_us}"
                work.quarantined.append(quarantined_row(row, payload_of(row), OUT_OF_RANGE, detail))
        ordered = fitting
    before: ActivityRow | None = None
    for row in ordered:
        if before is not None and row[0] == before[0] and row[1] == before[1]:
            if row[23] == before[23]:
                work.duplicates += 1
            else:
                work.rivals.append(row)
        else:
            work.rows.append(row)
            before = row
    return work


def without_misshapen(batch: Batch, payload_of: PayloadOf, reason: str) -> Batch:
    """`batch` with its rows that are of no row's shape in the quarantine: only a fault of ours could make one."""
    rows, quarantined = [], list(batch.quarantined)
    for row in batch.rows:
        fault = misshapen(row)
        if fault is None:
            rows.append(row)
        else:
            quarantined.append(quarantined_row(row, payload_of(row), reason, fault))
    return Batch(rows, batch.spans, quarantined, batch.probes)


def halves(work: Work) -> tuple[Work, Work]:
    """Two smaller pieces of `work`, which holds more than one thing: rows apart from the rest first, then by half."""
    rest = Work(spans=work.spans, quarantined=work.quarantined, probes=work.probes)
    if work.rows and (work.rivals or rest):
        rest.rivals = work.rivals
        return Work(rows=work.rows), rest
    if work.rivals and rest:
        return Work(rivals=work.rivals), rest
    middle = len(work.rivals) // 2
    if work.rivals:
        return Work(rivals=work.rivals[:middle]), Work(rivals=work.rivals[middle:])
    middle = len(work.rows) // 2
    if work.rows:
        return Work(rows=work.rows[:middle]), Work(rows=work.rows[middle:])
    if work.quarantined and (work.spans or work.probes):
        return Work(quarantined=work.quarantined), Work(spans=work.spans, probes=work.probes)
    if work.spans and work.probes:
        return Work(spans=work.spans), Work(probes=work.probes)
    spans, probes, entries = len(work.spans) // 2, len(work.probes) // 2, len(work.quarantined) // 2
    return (
        Work(spans=work.spans[:spans], probes=work.probes[:probes], quarantined=work.quarantined[:entries]),
        Work(spans=work.spans[spans:], probes=work.probes[probes:], quarantined=work.quarantined[entries:]),
    )
