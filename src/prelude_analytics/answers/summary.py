"""The reference's summary: totals by status, by action and by day, with the change against the period before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

from prelude_analytics.answers import latency
from prelude_analytics.answers.shapes import RELATIVE_ERROR, Answer, Counts, RangeShown, counts, framed
from prelude_analytics.figures.sheet import Chunk, edges_of, sheet
from prelude_analytics.figures.tables import ACTIVITIES, LATENCIES
from prelude_analytics.figures.work import worked
from prelude_analytics.problems import Problem
from prelude_analytics.sources import TOO_MUCH

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from prelude_analytics.figures.frames import Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.figures.sheet import Sheet
    from prelude_analytics.sources import Counting

__all__ = ["Summary", "summary"]


class Totals(Counts):
    """Counts of the whole range."""

    average_ms: float | None = Field(description="Mean length of those whose length is known, in milliseconds.")


class Change(BaseModel):
    """Against the period before, as a share of it: 0.5 is half as many again; null where there was nothing before, or too much to be read."""

    count: float | None
    success: float | None
    error: float | None
    pending: float | None
    timeout: float | None


class Before(BaseModel):
    """The period before, as long by the calendar."""

    range: RangeShown
    totals: Counts


class ActionCounts(Counts):
    """Counts of one action."""

    action_type: str
    action_name: str
    average_ms: float | None = Field(description="Mean length, in milliseconds; exact.")
    p50: float | None = Field(description="Median length in milliseconds; null where `entity_type` is filtered on.")
    p95: float | None


class DayCounts(Counts):
    """Counts of one day of the calendar."""

    start: datetime = Field(description="When the day begins; the first and the last may be parts of days.")


class Summary(Answer):
    """What was done."""

    approximate: bool = Field(True, description="Percentiles come from a sketch; counts and means are exact.")
    relative_error: float = Field(RELATIVE_ERROR, description="Of percentiles, at most.")
    totals: Totals
    before: Before | None = Field(description="Null where it has more rows than may be read.")
    change: Change
    by_action: list[ActionCounts] = Field(description="The most frequent first.")
    by_day: list[DayCounts] = Field(description="Every day of the range.")


@dataclass(frozen=True, slots=True)
class _Figures:
    """Counts by action and by day, a column for each status; and of each action how many lengths, and their sum."""

    actions: list[tuple[str, ...]]
    by_action: NDArray[np.int64]
    measured: NDArray[np.int64]
    lengths: NDArray[np.int64]
    by_day: NDArray[np.int64]


async def summary(reading: Reading, counting: Counting) -> Summary:
    """The answer to ``GET /activities``."""
    edges = counting.range.steps("day", most=10_000)
    chosen = await sheet(reading, ACTIVITIES, counting, edges)
    found = await worked(chosen, lambda: _figures(chosen, edges))
    earlier = replace(counting, range=counting.range.before())
    before = await _before(reading, earlier)
    known: dict[tuple[str, ...], dict[str, Any]] = {}
    if chosen.kind == "rows" or counting.filters.within(LATENCIES.filters):
        known = await latency.by_action(reading, counting)
    now = counts(found.by_action.sum(axis=0).tolist())
    by_action = [
        ActionCounts(
            action_type=action[0],
            action_name=action[1],
            average_ms=_mean(measured, lengths),
            p50=known.get(action, {}).get("p50"),
            p95=known.get(action, {}).get("p95"),
            **counts(by_status),
        )
        for action, by_status, measured, lengths in zip(
            found.actions, found.by_action.tolist(), found.measured.tolist(), found.lengths.tolist(), strict=True
        )
        if any(by_status)
    ]
    return Summary(
        **framed(chosen, counting),
        totals=Totals(average_ms=_mean(int(found.measured.sum()), int(found.lengths.sum())), **now),
        before=None if before is None else Before(range=RangeShown(**earlier.range.shown()), totals=Counts(**before)),  # type: ignore[arg-type]
        change=Change(**{name: _change(now[name], (before or {}).get(name, 0)) for name in now}),
        by_action=sorted(by_action, key=lambda one: (-one.count, one.action_type, one.action_name)),
        by_day=[
            DayCounts(start=start, **counts(day)) for start, day in zip(edges[:-1], found.by_day.tolist(), strict=True)
        ],
    )


def _figures(of: Sheet, edges: list[datetime]) -> _Figures:
    groups, actions = of.grouped("action_type", "action_name")

    def action(chunk: Chunk) -> Ints:
        placed: Ints = groups[chunk.frame["key"]]
        return placed

    return _Figures(
        actions,
        of.by_status(len(actions), action),
        of.sums("duration_count", len(actions), action),
        of.sums("duration_sum", len(actions), action),
        of.by_status(len(edges) - 1, edges_of(edges)),
    )


async def _before(reading: Reading, earlier: Counting) -> dict[str, int] | None:
    """The totals of a period with which another is compared; None where they are not to be had for what that one costs."""
    try:
        return await _totals(await sheet(reading, ACTIVITIES, earlier))
    except Problem as problem:
        if problem.title != TOO_MUCH:
            raise
        return None


async def _totals(of: Sheet) -> dict[str, int]:
    by_status = await worked(of, lambda: of.by_status(1, lambda chunk: np.zeros(len(chunk.frame), dtype=np.int64)))
    return counts(by_status[0].tolist())


def _mean(measured: int, lengths: int) -> float | None:
    return round(lengths / measured, 3) if measured else None


def _change(now: int, before: int) -> float | None:
    return round(now / before - 1, 4) if before else None
