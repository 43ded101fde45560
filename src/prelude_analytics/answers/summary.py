"""The reference's summary: totals by status, by action and by day, with the change against the period before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers import latency
from prelude_analytics.answers.shapes import RELATIVE_ERROR, Answer, Counts, RangeShown, framed, tally
from prelude_analytics.sources import ACTIVITIES, LATENCIES, Counting, fetch, source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from prelude_analytics.database import Connection

__all__ = ["Summary", "summary"]


class Totals(Counts):
    """Counts of the whole range."""

    average_ms: float | None = Field(description="Mean length of those whose length is known, in milliseconds.")


class Change(BaseModel):
    """Against the period before, as a share of it: 0.5 is half as many again; null where there was nothing before."""

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
    before: Before
    change: Change
    by_action: list[ActionCounts] = Field(description="The most frequent first.")
    by_day: list[DayCounts] = Field(description="Every day of the range.")


async def summary(connection: Connection, counting: Counting) -> Summary:
    """The answer to ``GET /activities``."""
    edges = counting.range.steps("day", most=10_000)
    chosen = await source(connection, ACTIVITIES, counting, edges)
    rows = await fetch(
        connection, queries.load("summary", source=chosen.statement), chosen.parameters | {"edges": edges}
    )
    earlier = replace(counting, range=counting.range.before())
    earlier_source = await source(connection, ACTIVITIES, earlier)
    earlier_rows = await fetch(
        connection, queries.load("totals", source=earlier_source.statement), earlier_source.parameters
    )
    measured: dict[tuple[str, str], dict[str, Any]] = {}
    if chosen.kind == "rows" or counting.filters.within(LATENCIES.filters):
        for row in await latency.by_action(connection, counting):
            measured[row["action_type"], row["action_name"]] = latency.percentiles(row)
    totals, before = [row for row in rows if not row["by_step"] and not row["by_action"]], tally(earlier_rows)
    now = tally(totals)
    actions: dict[tuple[str, str], list[dict[str, Any]]] = {}
    days: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        if row["by_action"]:
            actions.setdefault((row["action_type"], row["action_name"]), []).append(row)
        elif row["by_step"]:
            days.setdefault(row["step"], []).append(row)
    by_action = [
        ActionCounts(
            action_type=key[0],
            action_name=key[1],
            average_ms=_mean(found),
            p50=measured.get(key, {}).get("p50"),
            p95=measured.get(key, {}).get("p95"),
            **tally(found),
        )
        for key, found in actions.items()
    ]
    return Summary(
        **framed(chosen, counting),
        totals=Totals(average_ms=_mean(totals), **now),
        before=Before(range=RangeShown(**earlier.range.shown()), totals=Counts(**before)),  # type: ignore[arg-type]
        change=Change(**{name: _change(now[name], before[name]) for name in now}),
        by_action=sorted(by_action, key=lambda one: (-one.count, one.action_type, one.action_name)),
        by_day=[DayCounts(start=start, **tally(days.get(place, ()))) for place, start in enumerate(edges[:-1])],
    )


def _mean(rows: Iterable[dict[str, Any]]) -> float | None:
    found = list(rows)
    measured = sum(row["duration_count"] for row in found)
    return round(sum(row["duration_sum"] for row in found) / measured, 3) if measured else None


def _change(now: int, before: int) -> float | None:
    return round(now / before - 1, 4) if before else None
