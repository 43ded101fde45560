"""Cohorts are as the slow and obvious way has them, across days of 23 and 25 hours, half-hour zones and ties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from prelude_analytics.answers.cohorts import (
    Moments,
    cohorts,
    edges_are_enough,
    edges_of,
    first_moments,
    members,
    returned,
)
from prelude_analytics.answers.lives import runs_of
from prelude_analytics.ranges import Range
from prelude_analytics.timeline.periods import Unit, periods
from tests.oracle import cohorts as oracle
from tests.oracle.history import DAY, HOUR, counted, make_history, microseconds, within
from tests.support.oracle_cases import cases
from tests.support.stretches import columns, days

BEGINNINGS = [datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "America/New_York",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]


def test_cohorts_are_as_their_definition_has_them() -> None:
    for number, chance in cases(80, salt="cohorts"):
        begins, tz = chance.choice(BEGINNINGS), ZoneInfo(chance.choice(ZONES))
        unit: Unit = chance.choice(["day", "day", "week", "month"])
        length = chance.choice([2, 5, 9]) if unit == "day" else chance.choice([10, 45])
        rolling = chance.random() < 0.4 and unit != "month"
        ever, action = chance.random() < 0.5, chance.choice([None, None, "a"])
        history = make_history(chance, microseconds(begins), days=length, most=chance.choice([10, 40]))
        since = microseconds(begins) + chance.choice([0, DAY, DAY + HOUR])
        until = microseconds(begins) + length * DAY - chance.choice([0, HOUR])
        if since >= until:
            continue
        rows = counted(history, since + DAY)
        expected = oracle.cohorts(rows, since, until, unit, tz, ever=ever, rolling=rolling, action=action)

        people = sorted({row.user for row in rows if row.user})
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        asked = Range(epoch + timedelta(microseconds=since), epoch + timedelta(microseconds=until), tz)
        dates, edges = periods(asked, unit)
        inside = within(rows, since, until)
        stretches = columns(inside, days(since, until), people)
        if rolling or edges_are_enough(edges):
            moments = edges_of([runs_of(part) for part in stretches])
        else:
            moments = Moments(
                *(np.concatenate([getattr(part, name) for part in stretches]) for name in ("users", "times"))
            )
        before = {row.user for row in rows if row.user and row.at < since} if ever else set()
        known = np.array([people.index(user) for user in sorted(before)], dtype=np.int64)
        first = first_moments(moments, known)
        returns = moments
        if action is not None:
            chosen = [part.where(part.actions == ord(action)) for part in stretches]
            returns = Moments(
                *(np.concatenate([getattr(part, name) for part in chosen]) for name in ("users", "times"))
            )
        period_us = (7 if unit == "week" else 1) * DAY if rolling else None
        came = returned(first, returns, edges, until, period_us)
        found = cohorts(came, edges, until, period_us)
        shown = [(day, one.users, one.returned, one.complete) for day, one in zip(dates, found, strict=True)]
        assert shown == expected, number
        for place, one in enumerate(found):
            for later, count in [(None, one.users), *enumerate(one.returned)]:
                assert len(members(came, place, later)) == count, number


def test_where_clocks_make_two_midnights_in_one_utc_day_edges_are_not_enough() -> None:
    quarter = HOUR // 4
    assert edges_are_enough(np.array([0, DAY, 2 * DAY]))
    assert edges_are_enough(np.array([quarter, DAY + quarter, 2 * DAY]))
    assert not edges_are_enough(np.array([quarter, DAY - quarter, 2 * DAY]))
