"""When a request must have been answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prelude_store.governance.deadlines import days_left, due_at


@pytest.mark.parametrize(
    ("received", "months_more", "due"),
    [
        ("2026-01-15T10:30", 0, "2026-02-15T10:30"),
        ("2026-01-31T10:30", 0, "2026-02-28T10:30"),
        ("2028-01-31T10:30", 0, "2028-02-29T10:30"),
        ("2026-12-31T23:59", 0, "2027-01-31T23:59"),
        ("2026-11-30T00:00", 2, "2027-02-28T00:00"),
        ("2026-08-31T00:00", 1, "2026-10-31T00:00"),
    ],
)
def test_a_month_goes_by_the_calendar(received: str, months_more: int, due: str) -> None:
    assert due_at(datetime.fromisoformat(received), months_more) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (timedelta(days=7), 7),
        (timedelta(hours=23), 0),
        (timedelta(0), 0),
        (timedelta(seconds=-1), -1),
        (timedelta(days=-3), -3),
    ],
)
def test_a_deadline_is_over_from_the_first_moment_on(left: timedelta, days: int) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert days_left(now + left, now) == days
