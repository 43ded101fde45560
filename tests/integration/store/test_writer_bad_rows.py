"""One bad record never costs its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_store.row import Payload, Probe, SpanLength
from prelude_store.suspicion import why_suspect
from prelude_store.writer import Batch, Writer, WriteResult
from tests.support.rows import make_row, now_us, waiting_row

Connection = psycopg.Connection[tuple[Any, ...]]

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow

RANDOMLY_LONG = "".join(chr(0x4E00 + (index * 7919) % 20000) for index in range(5000))

BAD: dict[str, dict[str, Any]] = {
    "unknown type": {"action_type": "gardening"},
    "unknown status": {"result_status": "done"},
    "no uuid": {"event_id": "not-a-uuid"},
    "no uuid completed": {"completes_event_id": "nope"},
    "NUL": {"page_url": "/crm\0/deals"},
    "lone surrogate": {"user_agent": "\ud800"},
    "no JSON": {"action_data": "{oops"},
    "NUL in JSON": {"action_data": '{"a":"\\u0000"}'},
    "surrogate in JSON": {"result_data": '{"a":"\\ud800"}'},
    "number beyond numeric": {"action_data": '{"a":1e999999}'},
    "JSON nested too deep": {"action_data": '{"a":' * 100_000 + "1" + "}" * 100_000},
    "duration beyond integer": {"duration_ms": 2**31},
    "negative duration": {"duration_ms": -1},
    "text too long for its index": {"user_email": RANDOMLY_LONG},
    "trace id of a wrong length": {"trace_id": "abc", "span_id": "00f067aa0ba902b7"},
    "tag with NUL": {"tags": ("a\0b",)},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
def test_a_bad_row_goes_to_quarantine_and_its_neighbours_land(
    writer: Writer, superuser: Connection, changes: dict[str, Any]
) -> None:
    rows = [make_row() for _ in range(9)]
    rows.insert(4, make_row(**changes))
    batch = Batch(rows=rows, payloads=[Payload("logs", f"bytes {index}".encode()) for index in range(10)])
    assert writer.write(batch) == WriteResult(inserted=9, quarantined=1)
    (entry,) = superuser.execute("SELECT signal, reason, payload FROM activity_quarantine")
    assert entry == ("logs", "refused_by_database", b"bytes 4")
    # Sent again: nothing twice, nothing lost.
    assert writer.write(batch) == WriteResult(duplicates=9)


def _unsuspected() -> ActivityRow:
    row = make_row(action_data='{"a":1e999999}')
    assert why_suspect(row) is None, "the row must be one that only the database refuses"
    return row


def test_bad_rows_that_nothing_gives_away_are_found_by_halving(writer: Writer, superuser: Connection) -> None:
    bad = [_unsuspected() for _ in range(5)]
    good = [make_row() for _ in range(200)]
    rows = good[:50] + bad[:2] + good[50:150] + bad[2:] + good[150:]
    assert writer.write(Batch(rows=rows)) == WriteResult(inserted=200, quarantined=5)
    assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchall() == [(200,)]


def test_a_batch_of_nothing_but_bad_rows_is_answered(writer: Writer) -> None:
    rows = [make_row(action_type="gardening") for _ in range(50)]
    assert writer.write(Batch(rows=rows)) == WriteResult(quarantined=50)
    assert writer.write(Batch(rows=rows)) == WriteResult()


def test_a_good_row_that_looks_odd_lands(writer: Writer) -> None:
    odd = make_row(action_data='{"long":%s}' % ("9" * 5000))
    assert why_suspect(odd) is not None
    assert writer.write(Batch(rows=[odd, _unsuspected()])) == WriteResult(inserted=1, quarantined=1)


def test_bad_rows_among_resent_ones_are_found_too(writer: Writer) -> None:
    known = [make_row() for _ in range(10)]
    writer.write(Batch(rows=known))
    assert writer.write(Batch(rows=[*known, _unsuspected(), make_row()])) == WriteResult(
        inserted=1, duplicates=10, quarantined=1
    )


def test_a_bad_row_does_not_cost_the_joins_and_probes_beside_it(writer: Writer, superuser: Connection) -> None:
    waiting = waiting_row()
    assert waiting.trace_id is not None
    assert waiting.span_id is not None
    batch = Batch(
        rows=[waiting, _unsuspected()],
        spans=[SpanLength(waiting.trace_id, waiting.span_id, 5_000_000)],
        probes=[Probe("01890a5d-ac96-774b-bcce-b302099a8057", None, now_us())],
    )
    result = writer.write(batch)
    assert (result.inserted, result.quarantined, result.joined) == (1, 1, 1)
    assert superuser.execute("SELECT duration_ms FROM user_activity_logs").fetchall() == [(5,)]
    assert superuser.execute("SELECT count(*) FROM activity_probes").fetchall() == [(1,)]


def test_a_bad_probe_or_span_costs_nothing_else(writer: Writer, superuser: Connection) -> None:
    batch = Batch(
        rows=[make_row()],
        spans=[SpanLength("a\0", "b", 1), SpanLength("a" * 32, "b" * 16, 1), SpanLength("\ud800", "b", 1)],
        probes=[
            Probe("no uuid", None, now_us()),
            Probe("01890a5d-ac96-774b-bcce-b302099a8057", None, now_us()),
            Probe("01890a5d-ac96-774b-bcce-b302099a8058", None, 2**70),
        ],
    )
    assert writer.write(batch) == WriteResult(inserted=1, quarantined=4)
    assert superuser.execute("SELECT count(*) FROM span_joins").fetchall() == [(1,)]
    assert superuser.execute("SELECT count(*) FROM activity_probes").fetchall() == [(1,)]


MISSHAPEN: dict[str, dict[str, Any]] = {
    "no time": {"timestamp_us": None},
    "a time as text": {"timestamp_us": "now"},
    "a time that is no number": {"timestamp_us": float("nan")},
    "no id": {"event_id": None},
    "an address as a number": {"user_email": 5},
    "data that is no text": {"action_data": {"a": 1}},
    "type as a list": {"action_type": ["crm"]},
    "a tag that is none": {"tags": ("a", None)},
    "no hash": {"content_hash": None},
    "a duration as a list": {"duration_ms": []},
    "a trace id as bytes": {"trace_id": b"a" * 16, "span_id": {}, "waits": True, "duration_ms": None},
}


@pytest.mark.parametrize("changes", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_row_that_only_a_fault_of_ours_could_make_ends_in_quarantine(
    writer: Writer, superuser: Connection, changes: dict[str, Any]
) -> None:
    rows = [make_row() for _ in range(9)]
    rows.insert(4, make_row()._replace(**changes))
    batch = Batch(rows=rows, payloads=[Payload("logs", f"bytes {index}".encode()) for index in range(10)])
    assert writer.write(batch) == WriteResult(inserted=9, quarantined=1)
    assert writer.write(batch) == WriteResult(duplicates=9)
    ((reason, detail, payload),) = superuser.execute(
        "SELECT reason, detail, payload FROM activity_quarantine"
    ).fetchall()
    assert (reason, payload) == ("mapping_failed", b"bytes 4")
    assert next(iter(changes)) in detail
    alone = Batch(rows=[make_row()._replace(**changes)])  # without bytes, the row itself is kept as well as can be
    assert writer.write(alone).quarantined == 1


def test_what_is_no_row_at_all_costs_nobody_else(writer: Writer) -> None:
    rows: list[Any] = [make_row(), None, (1, 2, 3), make_row()]
    assert writer.write(Batch(rows=rows)) == WriteResult(inserted=2, quarantined=2)
