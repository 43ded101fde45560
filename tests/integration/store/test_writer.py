"""Exactly one row for one id and time, and yes means committed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from prelude_store.row import Payload, Probe, Quarantined, SpanLength
from prelude_store.writer import Batch, Writer, WriteResult
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us, waiting_row

Connection = psycopg.Connection[tuple[Any, ...]]

if TYPE_CHECKING:
    from pathlib import Path


def rows_in(superuser: Connection) -> int:
    row = superuser.execute("SELECT count(*) FROM user_activity_logs").fetchone()
    assert row is not None
    return int(row[0])


def test_every_column_of_a_row_lands_as_it_was_given(writer: Writer, superuser: Connection) -> None:
    row = make_row(
        action_category="pipeline",
        result_data='{"http_status":201}',
        tags=("vip", 'with "quotes", commas', "back\\slash", ""),
        completes_event_id=str(uuid4()),
        personal_paths=("action_data.to_email",),
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
    )
    assert writer.write(Batch(rows=[row])) == WriteResult(inserted=1)
    query = superuser.execute("SELECT * FROM user_activity_logs")
    assert query.description is not None
    (values,) = query.fetchall()
    landed = dict(zip([column.name for column in query.description], values, strict=True))
    assert int(landed.pop("timestamp").timestamp() * 1_000_000 + 0.5) == row.timestamp_us
    assert landed.pop("event_id") == UUID(row.event_id)
    assert landed.pop("completes_event_id") == UUID(row.completes_event_id)
    assert landed.pop("action_data") == json.loads(row.action_data or "")
    assert landed.pop("result_data") == {"http_status": 201}
    assert (landed.pop("tags"), landed.pop("personal_paths")) == (list(row.tags or ()), ["action_data.to_email"])
    assert (landed.pop("id"), landed.pop("lane"), landed.pop("lane_seq")) == (1, 1, 1)
    assert landed.pop("created_at") is not None
    same = row._asdict()
    assert landed == {name: same[name] for name in landed}


AWKWARD = [
    "",
    "\\",
    "\\N",
    "\x7f",
    "a\tb",
    "a\nb\r\nc",
    "\\.",
    "None",
    "NULL",
    "{}",
    '"',
    "naïve ☃ 😀",
    "\x01\x1f",
    "a\x7fb",
    "\u2028",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_arrive_unchanged(writer: Writer, superuser: Connection, text: str) -> None:
    data = json.dumps({"subject": text}, ensure_ascii=False)
    writer.write(Batch(rows=[make_row(session_id=text, page_url=None, action_data=data, tags=(text, text))]))
    (landed,) = superuser.execute("SELECT session_id, page_url, action_data->>'subject', tags FROM user_activity_logs")
    assert landed == (text, None, text, [text, text])


def test_a_resend_makes_no_second_row(writer: Writer, superuser: Connection) -> None:
    batch = Batch(rows=[make_row() for _ in range(20)])
    assert writer.write(batch) == WriteResult(inserted=20)
    assert writer.write(batch) == WriteResult(duplicates=20)
    assert rows_in(superuser) == 20


def test_a_resend_does_not_hold_back_its_new_neighbours(writer: Writer, superuser: Connection) -> None:
    known = make_row()
    writer.write(Batch(rows=[known]))
    assert writer.write(Batch(rows=[make_row(), known, make_row()])) == WriteResult(inserted=2, duplicates=1)
    assert rows_in(superuser) == 3


def test_a_row_twice_in_one_batch_is_one_row(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    assert writer.write(Batch(rows=[row, row._replace(duration_ms=99)])) == WriteResult(inserted=1, duplicates=1)
    assert rows_in(superuser) == 1


def test_an_id_in_capitals_is_the_same_id(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    writer.write(Batch(rows=[row, row._replace(event_id=row.event_id.upper())]))
    assert rows_in(superuser) == 1


def test_other_content_under_a_known_id_and_time_goes_to_quarantine_once(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    forged = row._replace(user_email="somebody@else.com", content_hash=b"f" * 16)
    writer.write(Batch(rows=[row]))
    assert writer.write(Batch(rows=[forged, make_row()])) == WriteResult(inserted=1, conflicts=1, quarantined=1)
    assert writer.write(Batch(rows=[forged])) == WriteResult(conflicts=1)
    (entry,) = superuser.execute("SELECT signal, reason, payload FROM activity_quarantine")
    assert entry[:2] == ("row", "content_conflict")
    assert json.loads(entry[2])["user_email"] == "somebody@else.com"
    (email,) = superuser.execute("SELECT user_email FROM user_activity_logs WHERE event_id = %s", [row.event_id])
    assert email == ("user@company.com",)


def test_other_content_keeps_its_bytes_also_when_its_span_came_with_it(writer: Writer, superuser: Connection) -> None:
    row = waiting_row()
    writer.write(Batch(rows=[row]))
    forged = row._replace(user_email="somebody@else.com", content_hash=b"f" * 16)
    span = SpanLength(row.trace_id or "", row.span_id or "", 5_000_000)
    result = writer.write(Batch(rows=[forged], spans=[span], payloads=[Payload("logs", b"the bytes it came in")]))
    assert (result.inserted, result.conflicts) == (0, 1)
    (entry,) = superuser.execute("SELECT signal, reason, payload FROM activity_quarantine")
    assert entry == ("logs", "content_conflict", b"the bytes it came in")


def test_other_content_within_one_batch_goes_to_quarantine(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    result = writer.write(Batch(rows=[row, row._replace(user_email="x@y.z", content_hash=b"f" * 16)]))
    assert result == WriteResult(inserted=1, conflicts=1, quarantined=1)
    assert rows_in(superuser) == 1


def test_a_resend_beside_other_content_of_its_id_is_no_conflict(writer: Writer, superuser: Connection) -> None:
    """In one batch the forged one comes first; which of the two is right, the log knows."""
    row = make_row()
    forged = row._replace(user_email="x@y.z", content_hash=b"f" * 16)
    writer.write(Batch(rows=[row]))
    for _ in range(2):
        assert writer.write(Batch(rows=[forged, row, make_row()])).conflicts == 1
    assert superuser.execute("SELECT count(*) FROM activity_quarantine").fetchall() == [(1,)]


def test_thousands_of_contents_of_one_id_are_answered_in_time(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    rows = [row._replace(content_hash=number.to_bytes(16)) for number in range(3000)]
    assert writer.write(Batch(rows=[*rows, make_row(action_type="gardening")])) == WriteResult(
        inserted=1, conflicts=2999, quarantined=3000
    )


def test_the_same_id_at_another_time_is_another_row(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    writer.write(Batch(rows=[row, row._replace(timestamp_us=row.timestamp_us + 1)]))
    assert rows_in(superuser) == 2


def test_two_writers_with_the_same_rows_in_opposite_order_make_each_row_once(
    database: str, writer: Writer, second_writer: Writer, superuser: Connection
) -> None:
    total = 0
    for _ in range(10):
        rows = [make_row() for _ in range(200)]
        barrier = Barrier(2)

        def write(by: Writer, given: list[Any], barrier: Barrier = barrier) -> WriteResult:
            barrier.wait()
            return by.write(Batch(rows=given))

        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(write, (writer, second_writer), (rows, rows[::-1])))
        assert sum(result.inserted for result in results) == 200
        assert sum(result.duplicates for result in results) == 200
        total += 200
    assert rows_in(superuser) == total


@pytest.mark.parametrize("offset", [timedelta(days=-3660), timedelta(days=2), timedelta(days=365_000)])
def test_a_time_outside_the_accepted_interval_goes_to_quarantine(
    writer: Writer, superuser: Connection, offset: timedelta
) -> None:
    odd = make_row(timestamp_us=now_us() + int(offset.total_seconds()) * 1_000_000)
    payload = b"the bytes it came in"
    result = writer.write(Batch(rows=[make_row(), odd], payloads=[None, Payload("traces", payload)]))
    assert result == WriteResult(inserted=1, quarantined=1)
    (entry,) = superuser.execute("SELECT signal, reason, payload FROM activity_quarantine")
    assert entry == ("traces", "timestamp_out_of_range", payload)


def test_the_accepted_interval_is_a_setting(database: str) -> None:
    writer = Writer(as_role(database, "writer"), accept_past=timedelta(hours=1), accept_future=timedelta(hours=1))
    old = make_row(timestamp_us=now_us() - 2 * 3600 * 1_000_000)
    assert writer.write(Batch(rows=[old])) == WriteResult(quarantined=1)
    writer.close()


def test_what_the_exporter_quarantines_is_kept_once_with_its_bytes(writer: Writer, superuser: Connection) -> None:
    entry = Quarantined("logs", "unknown_status", "status 'done'\0\ud800 is unknown", b"\x00\x01bytes")
    assert writer.write(Batch(quarantined=[entry, entry])) == WriteResult(quarantined=1)
    assert writer.write(Batch(quarantined=[entry])) == WriteResult()
    (kept,) = superuser.execute("SELECT signal, reason, detail, payload FROM activity_quarantine")
    assert kept == ("logs", "unknown_status", "status 'done'\ufffd? is unknown", b"\x00\x01bytes")


def test_a_probe_lands_beside_the_log_and_not_in_it(writer: Writer, superuser: Connection) -> None:
    probe = Probe(str(uuid4()), "crm-service", now_us())
    writer.write(Batch(probes=[probe]))
    writer.write(Batch(probes=[probe]))
    (landed,) = superuser.execute("SELECT probe_id::text, service_name, landed_at >= sent_at FROM activity_probes")
    assert landed == (probe.probe_id, "crm-service", True)
    assert rows_in(superuser) == 0


def test_an_empty_batch_is_no_work(writer: Writer) -> None:
    assert writer.write(Batch()) == WriteResult()


def test_a_writer_shows_who_it_is(writer: Writer, superuser: Connection, tmp_path: Path) -> None:
    writer.connect()
    names = superuser.execute(
        "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
    ).fetchall()
    assert ("prelude-exporter",) in names


@pytest.mark.parametrize(
    "known", [0, 1499, 1500, 2999], ids=["first", "of the first half", "of the second half", "last"]
)
def test_one_known_row_among_thousands_costs_only_itself(writer: Writer, superuser: Connection, known: int) -> None:
    start = now_us() - 60_000_000
    rows = [waiting_row(timestamp_us=start + number) for number in range(3000)]
    writer.write(Batch(rows=[rows[known]]))
    span = SpanLength(rows[-1].trace_id or "", rows[-1].span_id or "", 5_000_000)
    forged = rows[known]._replace(user_email="x@y.z", content_hash=b"f" * 16)
    result = writer.write(Batch(rows=[forged if at == known else row for at, row in enumerate(rows)], spans=[span]))
    assert (result.inserted, result.duplicates, result.conflicts) == (2999, 0, 1)
    assert writer.write(Batch(rows=rows)) == WriteResult(duplicates=3000)
    counted = superuser.execute(
        "SELECT count(*), count(DISTINCT (lane, lane_seq)), count(duration_ms) FROM user_activity_logs"
    )
    # The span is that of the last row: it is born with it, unless it was there, and then is completed.
    assert counted.fetchall() == [(3000, 3000, 1)]
    assert result.joined == 1
