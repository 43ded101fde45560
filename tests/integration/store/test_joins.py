"""A row gets its duration from its span, whichever comes first, however far apart, whoever brings it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from threading import Barrier
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_store import joins
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer, WriteResult
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row

Connection = psycopg.Connection[tuple[Any, ...]]

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow

MS = 1_000_000


def span_of(row: ActivityRow, duration_ns: int = 7 * MS) -> SpanLength:
    assert row.trace_id is not None
    assert row.span_id is not None
    return SpanLength(row.trace_id, row.span_id, duration_ns)


def durations(superuser: Connection) -> list[int | None]:
    return [length for (length,) in superuser.execute("SELECT duration_ms FROM user_activity_logs ORDER BY lane_seq")]


def amendments(superuser: Connection) -> int:
    row = superuser.execute("SELECT count(*) FROM activity_amendments").fetchone()
    assert row is not None
    return int(row[0])


def test_record_first_then_span(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row]))
    assert durations(superuser) == [None], "the row is committed at once, without a duration"
    assert writer.write(Batch(spans=[span_of(row)])) == WriteResult(joined=1)
    assert durations(superuser) == [7]
    (amendment,) = superuser.execute("SELECT lane, lane_seq, event_id::text, duration_ms FROM activity_amendments")
    assert amendment == (1, 2, row.event_id, 7)


def test_span_first_then_record(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(spans=[span_of(row)]))
    assert writer.write(Batch(rows=[row])) == WriteResult(inserted=1, joined=1)
    assert durations(superuser) == [7]
    assert amendments(superuser) == 0, "it was born with its duration"


def test_both_in_one_batch(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    assert writer.write(Batch(rows=[row], spans=[span_of(row)])) == WriteResult(inserted=1, joined=1)
    assert durations(superuser) == [7]


def test_the_halves_come_by_different_writers_with_a_restart_between(database: str, superuser: Connection) -> None:
    row = waiting_row()
    for batch in (Batch(rows=[row]), Batch(spans=[span_of(row)])):
        writer = Writer(as_role(database, "writer"))
        writer.write(batch)
        writer.close()
    assert durations(superuser) == [7]


def test_several_records_on_one_span_all_get_its_length(writer: Writer, superuser: Connection) -> None:
    ids = {"trace_id": "c" * 32, "span_id": "d" * 16}
    early = [waiting_row(**ids) for _ in range(3)]
    writer.write(Batch(rows=early[:2]))
    writer.write(Batch(rows=early[2:]))
    late = waiting_row(**ids)
    assert writer.write(Batch(rows=[late], spans=[span_of(late)])).joined == 4
    last = waiting_row(**ids)
    assert writer.write(Batch(rows=[last])).joined == 1
    assert durations(superuser) == [7] * 5


def test_a_resent_span_changes_nothing(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row]))
    writer.write(Batch(spans=[span_of(row)]))
    assert writer.write(Batch(spans=[span_of(row, 99 * MS)])) == WriteResult()
    assert durations(superuser) == [7]
    assert amendments(superuser) == 1


def test_a_record_resent_before_its_span_waits_once(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row]))
    assert writer.write(Batch(rows=[row])) == WriteResult(duplicates=1)
    assert superuser.execute("SELECT cardinality(event_ids) FROM span_joins").fetchall() == [(1,)]
    assert writer.write(Batch(spans=[span_of(row)])) == WriteResult(joined=1)


def test_a_record_resent_with_its_span_is_completed(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row]))
    assert writer.write(Batch(rows=[row], spans=[span_of(row)])) == WriteResult(duplicates=1, joined=1)
    assert durations(superuser) == [7]


def test_a_record_resent_after_its_span_changes_nothing(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row], spans=[span_of(row)]))
    assert writer.write(Batch(rows=[row])) == WriteResult(duplicates=1)
    assert durations(superuser) == [7]


def test_a_row_with_a_duration_of_its_own_never_takes_another(writer: Writer, superuser: Connection) -> None:
    row = make_row(trace_id="e" * 32, span_id="f" * 16, duration_ms=12)
    writer.write(Batch(rows=[row]))
    writer.write(Batch(spans=[span_of(row)]))
    assert durations(superuser) == [12]


def test_a_row_that_does_not_wait_stays_without_a_duration(writer: Writer, superuser: Connection) -> None:
    row = make_row(trace_id="e" * 32, span_id="f" * 16, duration_ms=None)
    writer.write(Batch(rows=[row], spans=[span_of(row)]))
    assert durations(superuser) == [None]


def test_a_length_is_rounded_half_up_and_clamped(writer: Writer, superuser: Connection) -> None:
    lengths = {2_500_000: 3, 2_499_999: 2, -5: 0, 10**18: 2**31 - 1}
    rows = [waiting_row() for _ in lengths]
    for row, length in zip(rows, lengths, strict=True):
        writer.write(Batch(rows=[row], spans=[span_of(row, length)]))
    assert durations(superuser) == list(lengths.values())


def test_rows_years_apart_are_completed_by_one_batch_of_spans(writer: Writer, superuser: Connection) -> None:
    year_us = 365 * 86_400 * 1_000_000
    rows = [waiting_row() for _ in range(5)]
    rows = [row._replace(timestamp_us=row.timestamp_us - years * year_us) for years, row in enumerate(rows)]
    writer.write(Batch(rows=rows))
    assert writer.write(Batch(spans=[span_of(row) for row in rows])) == WriteResult(joined=5)
    assert durations(superuser) == [7] * 5


def test_halves_that_commit_in_the_same_moment_always_meet(
    writer: Writer, second_writer: Writer, superuser: Connection
) -> None:
    """Two replicas, many rounds, many keys in any order: no pair is lost, and nobody waits for the other in a circle."""
    random = Random(1)
    pairs = 0
    with ThreadPoolExecutor(2) as pool:
        for _ in range(60):
            rows = [waiting_row() for _ in range(random.randint(1, 12))]
            spans = [span_of(row) for row in rows]
            random.shuffle(spans)
            # Each replica brings some halves of each kind.
            cut = random.randint(0, len(rows))
            batches = (Batch(rows=rows[:cut], spans=spans[cut:]), Batch(rows=rows[cut:], spans=spans[:cut]))
            barrier = Barrier(2)

            def write(by: Writer, batch: Batch, barrier: Barrier = barrier) -> WriteResult:
                barrier.wait()
                return by.write(batch)

            results = list(pool.map(write, (writer, second_writer), batches))
            assert sum(result.joined for result in results) == len(rows)
            pairs += len(rows)
    assert durations(superuser) == [7] * pairs


def test_what_waits_too_long_is_removed_and_counted(writer: Writer, superuser: Connection, database: str) -> None:
    ids = {"trace_id": "c" * 32, "span_id": "d" * 16}
    writer.write(
        Batch(rows=[waiting_row(**ids), waiting_row(**ids), waiting_row()], spans=[SpanLength("1" * 32, "2" * 16, 1)])
    )
    superuser.execute("UPDATE span_joins SET since = now() - interval '25 hours'")
    fresh = waiting_row()
    writer.write(Batch(rows=[fresh]))
    with psycopg.connect(as_role(database, "writer"), autocommit=True) as connection:
        assert joins.expire(connection, timedelta(hours=24)) == joins.Expired(halves=3, rows_without_duration=3)
        assert joins.expire(connection, timedelta(hours=24)) == joins.Expired(halves=0, rows_without_duration=0)
    assert writer.write(Batch(spans=[span_of(fresh)])).joined == 1


def test_expiry_waits_for_no_writer(writer: Writer, superuser: Connection, database: str) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row]))
    superuser.execute("UPDATE span_joins SET since = now() - interval '25 hours'")
    with (
        psycopg.connect(database) as busy,
        psycopg.connect(as_role(database, "writer"), autocommit=True) as connection,
    ):
        busy.execute("SELECT FROM span_joins FOR UPDATE")
        assert joins.expire(connection, timedelta(hours=24)).halves == 0


@pytest.mark.parametrize("first", ["span", "record"])
def test_a_record_on_its_way_to_the_quarantine_gives_its_duration_to_no_row(
    writer: Writer, superuser: Connection, first: str
) -> None:
    """Same id and time, other content, other span: the row that is there waits for its own."""
    row = waiting_row()
    forged = waiting_row(event_id=row.event_id, timestamp_us=row.timestamp_us, user_email="somebody@else.com")
    length = SpanLength(forged.trace_id or "", forged.span_id or "", 5_000_000)
    writer.write(Batch(rows=[row]))
    batches = [Batch(spans=[length]), Batch(rows=[forged])]
    for batch in batches if first == "span" else batches[::-1]:
        assert writer.write(batch).joined == 0
    assert superuser.execute("SELECT duration_ms FROM user_activity_logs").fetchall() == [(None,)]
    assert superuser.execute("SELECT count(*) FROM activity_amendments").fetchall() == [(0,)]
    writer.write(Batch(spans=[SpanLength(row.trace_id or "", row.span_id or "", 7_000_000)]))
    assert superuser.execute("SELECT user_email, duration_ms FROM user_activity_logs").fetchall() == [
        (row.user_email, 7)
    ]
