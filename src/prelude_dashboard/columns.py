"""Counts over time as columns: what each part is called, how it looks, and which rows are behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.statuses import ORDER
from prelude_dashboard import charts

if TYPE_CHECKING:
    from prelude_analytics.answers.trends import Trends

__all__ = ["Columns", "Series", "columns", "of_trends"]

_WIDTH, _HEIGHT = 720.0, 176.0
_DAY: Final = timedelta(hours=20)
"""Less than any day: clocks make some of 23 hours."""
_FILTERS: Final = {"type": "action_type", "name": "action_name", "status": "result_status", "service": "service_name"}


@dataclass(frozen=True, slots=True)
class Series:
    """One part of all columns.

    Attributes:
        name: as the legend has it.
        fill: the class of its colour.
        only: filters of the rows behind it; None where there are none that give just these.
        counts: a number for each column.
    """

    name: str
    fill: str
    only: dict[str, str] | None
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns, drawn.

    Attributes:
        answer: what they were counted in.
        starts: when each column begins.
        ends: when it ends.
        chart: where the parts lie; the key of a part is its place in `series`.
    """

    answer: Any
    starts: Sequence[datetime]
    ends: Sequence[datetime]
    series: Sequence[Series]
    chart: charts.Stack
    width: int = int(_WIDTH)
    height: int = int(_HEIGHT)

    @property
    def edges(self) -> list[int]:
        """Where columns begin, and last where the newest ends, in seconds since the epoch."""
        begins = [self.answer.range.from_, *self.starts[1:]]
        return [int(moment.timestamp()) for moment in (*begins, self.ends[-1])] if self.starts else []

    @property
    def form(self) -> str:
        """How the axis says when columns begin: by the ``day``, or ``short``, with the hour, where days have several."""
        return "short" if len(self.starts) > 1 and self.starts[1] - self.starts[0] < _DAY else "day"


def columns(answer: Any, starts: Sequence[datetime], series: Sequence[Series]) -> Columns:
    """Columns for `series`, the first at the bottom."""
    drawn = charts.stack([(str(place), one.counts) for place, one in enumerate(series)], _WIDTH, _HEIGHT)
    return Columns(answer, starts, [*starts[1:], answer.range.to], series, drawn)


def of_trends(trends: Trends) -> Columns:
    """Columns for trends: statuses in their usual order, so that trouble is on top; else the largest first."""
    found = trends.series
    if trends.stack == "status":
        found = sorted(found, key=lambda one: ORDER.index(one.key) if one.key in ORDER else len(ORDER))
    name = _FILTERS[trends.stack]
    return columns(
        trends,
        trends.starts,
        [
            Series(
                one.key if one.key is not None else "others",
                str(one.key) if trends.stack == "status" else f"s{place if one.key is not None else 9}",
                {name: one.key} if one.key else None,
                one.counts,
            )
            for place, one in enumerate(found)
        ],
    )
