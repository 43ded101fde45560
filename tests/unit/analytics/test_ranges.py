"""Ranges: days of a calendar, whatever its clocks do, and the buckets that cover them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelude_analytics.parameters import ParameterError
from prelude_analytics.ranges import MOST_STEPS, Range, RangeQuery, pieces
from prelude_analytics.statuses import QUARTER, quarter_ceil, quarter_floor
from prelude_analytics.zones import STEPS, Step, midnight, zone

NOW = datetime(2026, 7, 15, 10, 20, tzinfo=UTC)
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
    "America/Sao_Paulo", "Africa/Cairo", "Pacific/Chatham",
)  # fmt: skip


def asked(now: datetime | Any = NOW, **values: Any) -> Range:
    return RangeQuery.model_validate(values).range(now)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_days_are_days_of_the_calendar_and_end_with_the_quarter_that_it_is() -> None:
    found = asked(days=2, tz="Asia/Kolkata")
    assert (found.from_, found.to) == (utc("2026-07-13T18:30"), utc("2026-07-15T10:30"))


def test_a_date_is_midnight_and_a_time_without_offset_is_local() -> None:
    found = asked(**{"from": "2026-01-10", "to": "2026-01-10T12:00", "tz": "Europe/Berlin"})
    assert (found.from_, found.to) == (utc("2026-01-09T23:00"), utc("2026-01-10T11:00"))


def test_a_plus_sign_that_became_a_space_is_read_as_one() -> None:
    assert asked(**{"from": "2026-01-10T00:00:00 02:00"}).from_ == utc("2026-01-09T22:00")


def test_a_range_without_an_end_reaches_what_is_dated_ahead_of_now() -> None:
    open_ = asked(days=2)
    assert open_.to == utc("2026-07-15T10:30")
    for newest, to in (
        (None, "2026-07-15T10:30"),
        ("2026-07-15T10:29:59", "2026-07-15T10:30"),
        ("2026-07-15T10:30", "2026-07-15T10:45"),
        ("2026-07-16T09:01", "2026-07-16T09:15"),
    ):
        assert open_.reaching(None if newest is None else utc(newest)).to == utc(to)
    closed = asked(**{"from": "2026-07-14", "to": "2026-07-15T10:30"})
    assert closed.reaching(utc("2026-07-16T09:01")) == closed
    assert asked(**{"from": "2026-07-14"}).reaching(utc("2026-07-16T09:01")).to == utc("2026-07-16T09:15")


def test_the_period_before_ends_as_long_ago_whatever_is_dated_ahead() -> None:
    for open_ in (asked(days=2), asked(**{"from": "2026-07-14T03:00"})):
        before = open_.before()
        ahead = open_.reaching(utc("2026-07-16T09:01")).before()
        assert (ahead.from_, ahead.to) == (before.from_, before.to)


@pytest.mark.parametrize(
    ("values", "parameter"),
    [
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"tz": "../../etc/passwd"}, "tz"),
        ({"to": "2026-01-01"}, "to"),
        ({"from": "2026-01-01", "days": 3}, "days"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ({"from": "2027-01-02"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-01-01T25:00:00Z"}, "from"),
        ({"from": "1969-12-31"}, "from"),
        ({"from": "1980-01-01"}, "from"),
        ({"from": "0001-01-01", "tz": "Asia/Tokyo"}, "from"),
    ],
)
def test_a_wrong_range_is_refused_by_its_parameter(values: dict[str, Any], parameter: str) -> None:
    with pytest.raises(ParameterError) as caught:
        asked(**values)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("day", "tz", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
        ("2026-10-04", "Australia/Lord_Howe", 23.5),
        ("2018-11-04", "America/Sao_Paulo", 23),
        ("2026-07-01", "Asia/Kathmandu", 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_say(day: str, tz: str, hours: float) -> None:
    first = datetime.fromisoformat(day).date()
    found = asked(**{"from": str(first - timedelta(days=1)), "to": str(first + timedelta(days=2)), "tz": tz})
    edges = found.steps("day")
    assert len(edges) == 4
    assert edges[2] - edges[1] == timedelta(hours=hours)
    assert len(found.steps("hour")) - 1 == len(
        {(edge.astimezone(found.tz).hour, edge) for edge in found.steps("hour")[:-1]}
    )


def test_an_hour_that_clocks_repeat_is_two_steps() -> None:
    edges = asked(**{"from": "2026-10-25", "to": "2026-10-26", "tz": "Europe/Berlin"}).steps("hour")
    assert [edge.astimezone(zone("Europe/Berlin")).hour for edge in edges[:5]] == [0, 1, 2, 2, 3]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    found = asked(**{"from": "2026-01-31", "to": "2026-03-02", "tz": "Asia/Kolkata"})
    local = [edge.astimezone(found.tz).date().isoformat() for edge in found.steps("week")[1:-1]]
    assert local == ["2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23"]
    assert [edge.astimezone(found.tz).day for edge in found.steps("month")] == [31, 1, 1, 2]


def test_too_many_steps_are_refused() -> None:
    with pytest.raises(ParameterError, match=f"at most {MOST_STEPS} steps"):
        asked(days=365).steps("15min")


def test_the_period_before_has_the_same_days_of_the_calendar() -> None:
    found = asked(now=utc("2026-03-30T10:10"), days=2, tz="Europe/Berlin")
    before = found.before()
    assert (before.from_, before.to) == (utc("2026-03-26T23:00"), utc("2026-03-28T11:15"))
    hours = asked(**{"from": "2026-07-01T10:00Z", "to": "2026-07-01T15:00Z"}).before()
    assert (hours.from_, hours.to) == (utc("2026-07-01T05:00"), utc("2026-07-01T10:00"))


moments = st.integers(0, 40 * 365 * 96).map(lambda quarters: utc("1990-01-01") + quarters * QUARTER)


@given(moments, st.integers(1, 2000), st.sampled_from(ZONES), st.sampled_from(STEPS))
def test_steps_are_whole_quarters_in_order_and_begin_where_their_calendar_says(
    since: datetime, quarters: int, tz: str, step: Step
) -> None:
    found = Range(since, since + quarters * QUARTER, zone(tz))
    edges = found.steps(step)
    assert edges == sorted(set(edges))
    assert (edges[0], edges[-1]) == (found.from_, found.to)
    for edge in edges[1:-1]:
        local = edge.astimezone(found.tz)
        assert quarter_floor(edge) == edge == quarter_ceil(edge)
        if step == "hour":
            assert (
                local.minute == 0 or local.utcoffset() != (edge - timedelta(hours=1)).astimezone(found.tz).utcoffset()
            )
        elif step != "15min":
            assert edge == quarter_floor(midnight(local.date(), found.tz))
        if step == "week":
            assert local.weekday() == 0
        if step == "month":
            assert local.day == 1


@given(
    st.lists(moments, min_size=2, max_size=6, unique=True).map(sorted),
    moments,
    st.sampled_from([(1440, 60, 15), (1440, 15), (60, 15)]),
)
def test_pieces_cover_all_once_and_cross_neither_an_edge_nor_the_cut(
    edges: list[datetime], cut: datetime, grains: tuple[int, ...]
) -> None:
    found = pieces(edges, cut, grains)
    assert found[0].since == edges[0]
    assert found[-1].until == edges[-1]
    assert all(left.until == right.since for left, right in pairwise(found))
    for piece in found:
        length = timedelta(minutes=piece.grain)
        assert (piece.since - utc("1970-01-01")) % length == timedelta()
        assert (piece.until - piece.since) % length == timedelta()
        for edge in (*edges, cut):
            if piece.since < edge < piece.until:
                assert (edge - piece.since) % length == timedelta()
