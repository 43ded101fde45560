"""Counts over time, stacked; and by hour and weekday."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from prelude_analytics.answers.shapes import Answer, Counts, counts, framed
from prelude_analytics.figures.sheet import Chunk, edges_of, sheet
from prelude_analytics.figures.tables import ACTIVITIES
from prelude_analytics.figures.work import worked
from prelude_analytics.statuses import ORDER
from prelude_otel.contract.vocabulary import SUCCESS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prelude_analytics.figures.frames import Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.figures.sheet import Sheet
    from prelude_analytics.sources import Counting
    from prelude_analytics.zones import Step

__all__ = ["STACKS", "Heatmap", "Stack", "Trends", "heatmap", "trends"]

Stack = Literal["type", "name", "status", "service"]
STACKS: Final[tuple[str, ...]] = get_args(Stack)
_KEYS: Final = {"type": "action_type", "name": "action_name", "service": "service_name"}


class Series(Counts):
    """One key over time."""

    key: str | None = Field(description="Of the stack; empty where activities have none; null: all that did not fit.")
    counts: list[int] = Field(description="Of all activities, a number for each start.")
    successes: list[int] = Field(description="Of the successes, a number for each start.")


class Trends(Answer):
    """Counts over time."""

    step: str
    stack: str
    starts: list[datetime] = Field(description="When each step begins; the first and the last may be parts of steps.")
    totals: Counts
    series: list[Series] = Field(description="The largest first.")


class Cell(Counts):
    """One hour of one weekday."""

    weekday: int = Field(description="1 is Monday, 7 is Sunday.")
    hour: int = Field(description="Of the clock in the zone; what a clock repeats is added up.")


class Heatmap(Answer):
    """Counts by hour and weekday."""

    totals: Counts
    cells: list[Cell] = Field(description="All 168, Monday midnight first.")


async def trends(reading: Reading, counting: Counting, step: Step, stack: Stack, limit: int) -> Trends:
    """The answer to ``GET /trends``."""
    edges = counting.range.steps(step)
    chosen = await sheet(reading, ACTIVITIES, counting, edges)
    series = await worked(chosen, lambda: _series(chosen, edges, stack, limit))
    totals = {name: sum(getattr(one, name) for one in series) for name in Counts.model_fields}
    return Trends(
        **framed(chosen, counting), step=step, stack=stack, starts=edges[:-1], totals=Counts(**totals), series=series
    )


def _series(of: Sheet, edges: list[datetime], stack: Stack, limit: int) -> list[Series]:
    steps, step = len(edges) - 1, edges_of(edges)
    if stack == "status":
        table = of.by_status(steps, step)
        only = np.eye(len(ORDER), dtype=np.int64)
        parts = [(status, table * only[place]) for place, status in enumerate(ORDER) if table[:, place].any()]
        parts.sort(key=lambda part: (-part[1].sum(), part[0]))
        rest = [_one(None, np.sum([part for _, part in parts[limit:]], axis=0))] if len(parts) > limit else []
        return [_one(status, part) for status, part in parts[:limit]] + rest
    groups, keys = of.grouped(_KEYS[stack])
    totals = of.sums("count", max(len(keys), 1), lambda chunk: groups[chunk.frame["key"]]).tolist()
    order = sorted((n for n in range(len(keys)) if totals[n]), key=lambda n: (-totals[n], keys[n]))
    shown = min(limit, len(order))
    rank = np.full(max(len(keys), 1), shown, dtype=np.int64)
    rank[order[:shown]] = np.arange(shown)

    def place(chunk: Chunk) -> Ints:
        placed: Ints = step(chunk) * (shown + 1) + rank[groups[chunk.frame["key"]]]
        return placed

    tables = of.by_status(steps * (shown + 1), place).reshape(steps, shown + 1, len(ORDER))
    series = [_one(keys[key][0], tables[:, number]) for number, key in enumerate(order[:shown])]
    return series + ([_one(None, tables[:, shown])] if len(order) > shown else [])


def _one(key: str | None, by_step: NDArray[np.int64]) -> Series:
    return Series(
        key=key,
        counts=by_step.sum(axis=1).tolist(),
        successes=by_step[:, ORDER.index(SUCCESS)].tolist(),
        **counts(by_step.sum(axis=0).tolist()),
    )


async def heatmap(reading: Reading, counting: Counting) -> Heatmap:
    """The answer to ``GET /heatmap``."""
    edges = counting.range.steps("hour", most=10_000)
    chosen = await sheet(reading, ACTIVITIES, counting, edges)
    by_hour = await worked(chosen, lambda: chosen.by_status(len(edges) - 1, edges_of(edges)))
    cells = np.zeros((7 * 24, len(ORDER)), dtype=np.int64)
    np.add.at(cells, _cells(tuple(edges[:-1]), counting.range.tz), by_hour)
    shown: list[Any] = [  # all are read in one go, which is three times as quick as to make each of them here
        {"weekday": place // 24 + 1, "hour": place % 24, "count": sum(cell), **dict(zip(ORDER, cell, strict=True))}
        for place, cell in enumerate(cells.tolist())
    ]
    return Heatmap(**framed(chosen, counting), totals=Counts(**counts(by_hour.sum(axis=0).tolist())), cells=shown)


@lru_cache(maxsize=64)
def _cells(hours: tuple[datetime, ...], tz: ZoneInfo) -> Ints:
    """For each of `hours` the number of its cell; asked again and again for the same ones."""
    local = [hour.astimezone(tz) for hour in hours]
    return np.array([one.weekday() * 24 + one.hour for one in local], dtype=np.int64)
