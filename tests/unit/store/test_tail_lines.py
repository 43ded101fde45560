"""A line of `prelude store tail` is one line, whatever a row holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prelude_store.command import _as_line
from prelude_store.tail import Change

ROW: dict[str, Any] = {
    "event_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "timestamp": datetime(2025, 11, 23, 12, 0, tzinfo=UTC),
    "result_status": "success",
    "action_type": "crm",
    "action_name": "create_deal",
    "duration_ms": 12,
    "user_email": "user@company.com",
    "entity_type": "deal",
    "entity_id": "789",
}


def test_a_row_is_told_with_what_a_person_looks_for() -> None:
    line = _as_line(Change("row", 1, 1, ROW))
    assert line.split()[1:] == ["success", "crm.create_deal", "12", "ms", "user@company.com", "deal", "789"]


def test_what_is_missing_is_a_dash() -> None:
    line = _as_line(
        Change("row", 1, 1, ROW | {"duration_ms": None, "user_email": None, "entity_type": None, "entity_id": None})
    )
    assert line.split()[1:] == ["success", "crm.create_deal", "-", "-"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    line = _as_line(Change("row", 1, 1, ROW | {"user_email": "\x1b[2Jx\r\n"}))
    assert line.isprintable()


def test_an_amendment_says_whose_duration_it_is() -> None:
    line = _as_line(Change("amendment", 1, 2, ROW | {"duration_ms": 5}))
    assert line.endswith("duration of 01890a5d-ac96-774b-bcce-b302099a8057 is 5 ms")
