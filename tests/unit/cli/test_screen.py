from __future__ import annotations

from typing import Any

import click
import pytest

from prelude_cli.up.screen import COLUMNS, Screen, row_line

ROW: dict[str, Any] = {
    "timestamp": "2026-11-23T14:41:39.123456+00:00",
    "user_email": "anna@company.com",
    "action_type": "crm",
    "action_name": "view_deal",
    "entity_type": "deal",
    "entity_id": "456",
    "result_status": "success",
    "duration_ms": 12,
}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()


def line(**changes: Any) -> str:
    return click.unstyle(row_line(ROW | changes))


def test_a_row_is_a_line_with_time_user_action_entity_status_and_duration() -> None:
    assert line().split() == ["14:41:39.123", "anna@company.com", "crm.view_deal", "deal", "456", "success", "12", "ms"]


def test_what_a_row_lacks_is_a_dash() -> None:
    said = line(user_email=None, entity_type=None, entity_id=None, duration_ms=None)
    assert said.split() == ["14:41:39.123", "-", "crm.view_deal", "-", "success", "-"]


def test_every_line_is_as_long_as_any_other() -> None:
    lengths = {len(line()), len(line(user_email="x" * 400)), len(line(entity_id="y" * 99, duration_ms=2**31 - 1))}
    assert lengths == {sum(COLUMNS.values()) + 2 * (len(COLUMNS) - 1)} | lengths
    assert "…" in line(user_email="x" * 400)


def test_a_row_can_not_send_control_characters_to_the_terminal() -> None:
    assert "\x1b" not in click.unstyle(row_line(ROW | {"user_email": "a\x1b[2Jb"}))


def test_only_rows_count_and_late_durations_do_not(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    assert [screen.landed(ROW), screen.landed({"event_id": "x", "duration_ms": 3}), screen.landed(ROW)] == [
        True,
        False,
        True,
    ]
    out = capsys.readouterr().out
    assert out.count("crm.view_deal") == 2
    assert out.count("ACTION") == 1
