"""The judge finds what is planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.chaos.ledger import Book, Ledger, Promise, read_books
from tests.chaos.verdict import Kept, Row, Verdict, judge, missing
from tests.support.otlp import attributes

GOOD = Promise("a.1.x.1", "a.1.x", "view_deal", "id-1", 1_000, 3, 5)
POISON = Promise("f.2.x.1", "f.2.x", "create_deal_note", None, 1_000, None, None)
BOOK = Book(frozenset({GOOD.token, POISON.token, "a.1.x.2"}), (GOOD, POISON))
ROW = Row("id-1", GOOD.token, "view_deal", 4, 1_000)


def entry(token: str) -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.attributes.extend(attributes({"prelude.entity.id": token}))
    return request.SerializeToString()


KEPT = Kept((ROW,), (entry(POISON.token),))


def test_all_is_well() -> None:
    assert judge(BOOK, KEPT, ()) == Verdict()
    assert missing(BOOK, KEPT) == []


def test_what_was_cut_off_may_be_a_row_or_not() -> None:
    assert judge(BOOK, replace(KEPT, rows=(ROW, ROW._replace(token="a.1.x.2", event_id="id-2"))), ()).good


@pytest.mark.parametrize(
    ("kept", "fault"),
    [
        (replace(KEPT, rows=()), "lost"),
        (replace(KEPT, quarantine=()), "lost"),
        (replace(KEPT, rows=(ROW, ROW)), "doubled"),
        (replace(KEPT, rows=(ROW, ROW._replace(event_id="id-2"))), "doubled"),
        (replace(KEPT, quarantine=KEPT.quarantine * 2), "doubled"),
        (replace(KEPT, rows=(ROW, ROW._replace(event_id="id-2", token="a.9.x.1"))), "uncalled_for"),
        (replace(KEPT, quarantine=(*KEPT.quarantine, entry("f.9.x.1"))), "uncalled_for"),
        (replace(KEPT, quarantine=(*KEPT.quarantine, entry(GOOD.token))), "wrong"),
        (replace(KEPT, rows=(ROW._replace(duration_ms=2),)), "wrong"),
        (replace(KEPT, rows=(ROW._replace(duration_ms=None),)), "wrong"),
        (replace(KEPT, rows=(ROW._replace(timestamp_us=2_000),)), "wrong"),
        (replace(KEPT, rows=(ROW._replace(event_id="id-2"),)), "wrong"),
        (replace(KEPT, rows=(ROW._replace(action="edit_deal"),)), "wrong"),
    ],
)
def test_each_fault_is_found(kept: Kept, fault: str) -> None:
    verdict = judge(BOOK, kept, ())
    assert not verdict.good
    assert getattr(verdict, fault)


@pytest.mark.parametrize(("killed", "good"), [((), False), (("a.1.x",), True)])
def test_memory_that_was_said_to_be_memory_dies_with_its_process_alone(killed: tuple[str, ...], good: bool) -> None:
    book = Book(BOOK.begun, (replace(GOOD, at_risk=True), POISON))
    verdict = judge(book, replace(KEPT, rows=()), killed)
    assert verdict.good is good
    assert bool(verdict.lost_at_risk) is good


def test_a_ledger_is_read_as_far_as_its_lines_are_whole(tmp_path: Path) -> None:
    folder = tmp_path
    ledger = Ledger(folder / "a.ledger")
    ledger.begun(GOOD.token)
    ledger.kept(GOOD)
    with (folder / "a.ledger").open("ab") as file:
        file.write(b'{"begun": "a.1')
    assert read_books(folder) == Book(frozenset({GOOD.token}), (GOOD,))
