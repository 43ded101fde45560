"""Counts over time, stacked; and by hour and weekday."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, get_args

from pydantic import Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Answer, Counts, counts, framed, tally
from prelude_analytics.sources import ACTIVITIES, Counting, fetch, source

if TYPE_CHECKING:
    from prelude_analytics.database import Connection
    from prelude_analytics.zones import Step

__all__ = ["STACKS", "Heatmap", "Stack", "Trends", "heatmap", "trends"]

Stack = Literal["type", "name", "status", "service"]
STACKS: Final[tuple[str, ...]] = get_args(Stack)
_KEYS: Final = {"type": "action_type", "name": "action_name", "status": "status", "service": "service_name"}


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


async def trends(connection: Connection, counting: Counting, step: Step, stack: Stack, limit: int) -> Trends:
    """The answer to ``GET /trends``."""
    edges = counting.range.steps(step)
    chosen = await source(connection, ACTIVITIES, counting, edges)
    statement = queries.load("trends", source=chosen.statement, key=_KEYS[stack])
    rows = await fetch(connection, statement, chosen.parameters | {"edges": edges})
    series: list[Series] = []
    for row in rows:
        if len(series) <= limit:
            key = None if len(series) == limit else row["key"]
            series.append(Series(key=key, counts=[0] * (len(edges) - 1), successes=[0] * (len(edges) - 1)))
        one = series[-1]
        for name, count in counts(row).items():
            setattr(one, name, getattr(one, name) + count)
        for place, status, count in zip(row["steps"], row["statuses"], row["counts"], strict=True):
            one.counts[place] += count
            if status == "success":
                one.successes[place] += count
    totals = {name: sum(getattr(one, name) for one in series) for name in Counts.model_fields}
    return Trends(
        **framed(chosen, counting), step=step, stack=stack, starts=edges[:-1], totals=Counts(**totals), series=series
    )


async def heatmap(connection: Connection, counting: Counting) -> Heatmap:
    """The answer to ``GET /heatmap``."""
    edges = counting.range.steps("hour", most=10_000)
    chosen = await source(connection, ACTIVITIES, counting, edges)
    rows = await fetch(
        connection, queries.load("heatmap", source=chosen.statement), chosen.parameters | {"edges": edges}
    )
    cells = {(weekday, hour): Cell(weekday=weekday, hour=hour) for weekday in range(1, 8) for hour in range(24)}
    for row in rows:
        local = edges[row["step"]].astimezone(counting.range.tz)
        cell = cells[local.isoweekday(), local.hour]
        cell.count += row["count"]
        setattr(cell, row["status"], getattr(cell, row["status"]) + row["count"])
    return Heatmap(**framed(chosen, counting), totals=Counts(**tally(rows)), cells=list(cells.values()))
