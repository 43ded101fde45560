"""The lines of lags: which time is drawn, and what its scale says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prelude_analytics.answers.system import LagStep, LagWindow
from prelude_dashboard.screens.system import chart_of

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def window(minutes: int, lags: list[float | None]) -> LagWindow:
    """Steps with one row each, or none."""
    apart = timedelta(minutes=minutes / len(lags))
    steps = [
        LagStep(start=NOW + apart * (place - len(lags)), rows=int(lag is not None), p50_ms=lag, p95_ms=lag)
        for place, lag in enumerate(lags)
    ]
    return LagWindow(minutes=minutes, rows=len(lags), sampled=False, p50_ms=None, p95_ms=None, over_time=steps)


def drawn(day: list[float | None], hour: list[float | None]) -> tuple[int, list[str]]:
    """How many minutes are drawn, and the marks from below."""
    chart = chart_of([window(60, hour), window(1440, day)])
    return chart["minutes"], [said for said, _ in chart["ticks"]]


@pytest.mark.parametrize(("hours", "minutes"), [(1, 60), (2, 60), (3, 1440), (24, 1440)])
def test_a_day_is_drawn_once_there_is_some_of_it(hours: int, minutes: int) -> None:
    day: list[float | None] = [None] * (24 - hours)
    assert drawn(day + [300.0] * hours, [300.0] * 12)[0] == minutes


@pytest.mark.parametrize(
    ("lags", "marks"),
    [
        ([250.0, 700.0], ["10 ms", "100 ms", "1 s"]),
        ([0.0, 0.4], ["1 ms", "10 ms", "100 ms"]),
        ([30.0, 70_000.0], ["10 ms", "100 ms", "1 s", "10 s", "100 s"]),
        ([20_000_000.0], ["1,000 s", "10,000 s", "100,000 s"]),
        ([], ["1 ms", "10 ms", "100 ms"]),
    ],
)
def test_the_scale_begins_and_ends_where_lags_do(lags: list[float], marks: list[str]) -> None:
    nothing: list[float | None] = [None] * 24
    assert drawn(nothing, [*nothing[: 12 - len(lags)], *lags])[1] == marks


def test_marks_lie_evenly_from_the_ground_to_the_top() -> None:
    chart = chart_of([window(60, [30.0] * 12), window(1440, [70_000.0] * 24)])
    heights = [y for _, y in chart["ticks"]]
    assert heights == [150.0, 75.0, 0.0]
