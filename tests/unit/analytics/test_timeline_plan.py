"""Where each part of a range is read from, and what the answer says of how far it has counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from prelude_analytics.timeline.plan import MOST_ANEW, Built, as_of, plan

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def built(*days: Built) -> dict[date, Built]:
    return {one.day: one for one in days}


def day(number: int, *, age: timedelta, dirty: bool = True, rows: int = 1000) -> Built:
    return Built(date(2026, 3, number), dirty, NOW - age, SECOND, rows)


def taken(known: dict[date, Built]) -> list[int]:
    parts = plan(NOW - 5 * DAY, NOW, known, NOW)
    return [part.day.day.day for part in parts if part.day is not None]


def test_a_day_that_changed_long_ago_is_read_out_of_the_log() -> None:
    assert taken(built(day(8, age=DAY, dirty=False), day(9, age=10 * SECOND), day(10, age=DAY))) == [8, 9]


def test_of_many_days_that_changed_the_newest_are_read_and_the_others_are_taken_as_they_are() -> None:
    third = MOST_ANEW // 3
    known = built(*(day(number, age=DAY, rows=third) for number in (6, 7, 8, 9, 10)))
    assert taken(known) == [6, 7]


def test_an_answer_says_that_it_counted_no_further_than_its_oldest_day_that_changed() -> None:
    known = built(day(8, age=2 * DAY, dirty=False), day(9, age=30 * SECOND), day(10, age=5 * SECOND))
    parts = plan(NOW - 5 * DAY, NOW, known, NOW)
    assert as_of(parts, NOW, NOW - SECOND, behind=True) == NOW - 30 * SECOND
    clean = plan(NOW - 5 * DAY, NOW, built(day(8, age=2 * DAY, dirty=False)), NOW)
    assert as_of(clean, NOW, NOW - SECOND, behind=True) == NOW - SECOND
    assert as_of(clean, NOW, NOW - SECOND, behind=False) == NOW
    assert as_of(clean, NOW, None, behind=True) == NOW - 2 * DAY
