"""What is decided before the database is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelude_store.preparation import OUT_OF_RANGE, Work, halves, prepare
from prelude_store.preparation import payload_finder as finder
from prelude_store.row import Payload, Probe, Quarantined, SpanLength
from prelude_store.writer import Batch
from tests.support.rows import make_row

EVER = (0, 2**60)


def test_rows_are_sorted_by_time_and_then_id() -> None:
    rows = [make_row(timestamp_us=time, event_id=f"{number:032x}") for time, number in [(2, 1), (1, 9), (1, 3), (3, 0)]]
    work = prepare(Batch(rows=rows), *EVER, finder(Batch()))
    assert [(row.timestamp_us, int(row.event_id, 16)) for row in work.rows] == [(1, 3), (1, 9), (2, 1), (3, 0)]


def test_a_row_twice_is_one_and_other_content_is_for_the_log_to_judge() -> None:
    row = make_row(user_email=None)
    forged = row._replace(user_email="x@y.z", content_hash=b"f" * 16)
    batch = Batch(
        rows=[row, row, forged], payloads=[Payload("logs", b"1"), Payload("logs", b"2"), Payload("logs", b"3")]
    )
    work = prepare(batch, *EVER, finder(batch))
    assert (work.rows, work.duplicates) == ([row], 1)
    assert (work.rivals, work.quarantined) == ([forged], [])


def test_the_accepted_interval_includes_its_ends() -> None:
    rows = [make_row(timestamp_us=time) for time in (99, 100, 200, 201)]
    work = prepare(Batch(rows=rows), 100, 200, finder(Batch()))
    assert [row.timestamp_us for row in work.rows] == [100, 200]
    assert [entry.reason for entry in work.quarantined] == [OUT_OF_RANGE] * 2


def test_a_row_without_its_bytes_is_kept_as_json() -> None:
    row = make_row(timestamp_us=1, tags=("a",))
    (entry,) = prepare(Batch(rows=[row]), 100, 200, finder(Batch())).quarantined
    assert entry.signal == "row"
    kept = json.loads(entry.payload)
    assert (kept["event_id"], kept["content_hash"], kept["tags"]) == (row.event_id, row.content_hash.hex(), ["a"])


def test_each_row_finds_the_bytes_that_it_was_made_from_and_no_equal_row_does() -> None:
    rows = [make_row(timestamp_us=1) for _ in range(3)]
    twin = rows[0]._replace()
    first, last = Payload("logs", b"0"), Payload("traces", b"2")
    payload_of = finder(Batch(rows=rows, payloads=[first, None, last]))
    assert [payload_of(row) for row in (*reversed(rows), twin)] == [last, None, first, None]


def test_bytes_are_made_for_the_rows_that_are_asked_for_alone() -> None:
    made: list[int] = []

    class Recorded(Sequence[Payload]):
        def __len__(self) -> int:
            return 1000

        def __getitem__(self, index: Any) -> Any:
            made.append(index)
            return Payload("traces", b"%d" % index)

    rows = [make_row(timestamp_us=number) for number in range(1000)]
    batch = Batch(rows=rows, payloads=Recorded())
    work = prepare(batch, 0, 989, finder(batch))
    assert [entry.payload for entry in work.quarantined] == [b"%d" % number for number in range(990, 1000)]
    assert {entry.signal for entry in work.quarantined} == {"traces"}
    assert made == list(range(990, 1000))


def test_payloads_that_are_not_parallel_to_the_rows_are_an_error_of_the_caller() -> None:
    row = make_row()
    with pytest.raises(ValueError, match="1 rows came with 2 payloads"):
        finder(Batch(rows=[row], payloads=[Payload("logs", b"1"), Payload("logs", b"2")]))(row)


@given(*[st.integers(0, 5)] * 5)
def test_halves_hold_all_of_it_and_neither_holds_all(
    rows: int, spans: int, entries: int, probes: int, rivals: int
) -> None:
    work = Work(
        rows=[make_row() for _ in range(rows)],
        spans=[SpanLength(f"{index:032x}", "b" * 16, 1) for index in range(spans)],
        quarantined=[Quarantined("logs", "r", "d", b"%d" % index) for index in range(entries)],
        probes=[Probe(str(uuid4()), None, 1) for _ in range(probes)],
        rivals=[make_row() for _ in range(rivals)],
    )
    if len(work) < 2:
        return
    first, second = halves(work)
    assert 0 < len(first) < len(work)
    assert 0 < len(second) < len(work)
    for kind in ("rows", "spans", "quarantined", "probes", "rivals"):
        assert getattr(first, kind) + getattr(second, kind) == getattr(work, kind)
