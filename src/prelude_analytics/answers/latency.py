"""How long activities took: percentiles over time and by action, from sketches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import RELATIVE_ERROR, Answer, Percentiles, framed
from prelude_analytics.filters import Filters
from prelude_analytics.sources import LATENCIES, Counting, fetch, source
from prelude_store.rollups import sketch

if TYPE_CHECKING:
    from prelude_analytics.database import Connection
    from prelude_analytics.zones import Step

__all__ = ["Latency", "by_action", "latency", "percentiles"]

_OVER_TIME = "width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step"
_ACTION = "action_type, action_name"


class LatencyStep(Percentiles):
    """One step of time."""

    start: datetime


class LatencyAction(Percentiles):
    """One action."""

    action_type: str
    action_name: str


class Latency(Answer):
    """Percentiles of how long activities took."""

    approximate: Literal[True] = Field(True, description="Percentiles come from a sketch.")
    relative_error: float = Field(
        RELATIVE_ERROR,
        description="At most so far off, as a share of the exact percentile (nearest rank); exact up to 50 ms.",
    )
    step: str
    totals: Percentiles
    over_time: list[LatencyStep] = Field(description="Every step of the range.")
    by_action: list[LatencyAction] = Field(description="The most frequent first.")


async def latency(connection: Connection, counting: Counting, step: Step) -> Latency:
    """The answer to ``GET /latency``."""
    edges = counting.range.steps(step)
    variant = "from_latency_totals" if counting.filters == Filters() else ""
    timed = await source(connection, LATENCIES, counting, edges, variant)
    parameters = timed.parameters | {"edges": edges}
    statement = queries.load("latency_steps", source=timed.statement)
    rows = await fetch(connection, statement, parameters)
    by_step = {row["step"]: percentiles(row) for row in rows}
    return Latency(
        **framed(timed, counting),
        step=step,
        totals=Percentiles(**by_step.get(None, percentiles(None))),
        over_time=[
            LatencyStep(start=start, **by_step.get(place, percentiles(None))) for place, start in enumerate(edges[:-1])
        ],
        by_action=[
            LatencyAction(action_type=row["action_type"], action_name=row["action_name"], **percentiles(row))
            for row in await by_action(connection, counting)
        ],
    )


async def by_action(connection: Connection, counting: Counting) -> Sequence[dict[str, Any]]:
    """Rows with action_type, action_name, and what `percentiles` takes; the most frequent first."""
    chosen = await source(connection, LATENCIES, counting)
    return await fetch(connection, queries.load("latency_actions", source=chosen.statement), chosen.parameters)


def percentiles(row: dict[str, Any] | None) -> dict[str, Any]:
    """The fields of `Percentiles` out of a row of marks."""
    if row is None:
        return {"measured": 0, "p50": None, "p95": None, "p99": None}
    return {"measured": row["total"]} | {name: round(sketch.value(row[name]), 3) for name in ("p50", "p95", "p99")}
