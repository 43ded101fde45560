"""Deals created, updated and deleted, and what those created are worth (the reference's Query 6). Successes count (ruling 21)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Answer, Counts, framed, tally
from prelude_analytics.sources import ACTIVITIES, DEAL_VALUES, Counting, fetch, source

if TYPE_CHECKING:
    from prelude_analytics.database import Connection
    from prelude_analytics.zones import Step

__all__ = ["Deals", "deals"]


class Done(BaseModel):
    """What was done to deals."""

    created: Counts
    updated: Counts
    deleted: Counts
    valued: int = Field(description="Deals created, successes, whose value is known as a number.")
    total_value_created: str = Field(
        description="Their values together, in US dollars: an exact decimal number, as a text."
    )


class StepDone(Done):
    """One step of time."""

    start: datetime


class Deals(Answer):
    """What was done to deals."""

    step: str
    totals: Done
    over_time: list[StepDone] = Field(description="Every step of the range.")


async def deals(connection: Connection, counting: Counting, step: Step) -> Deals:
    """The answer to ``GET /deals``."""
    edges = counting.range.steps(step)
    values = await source(connection, DEAL_VALUES, counting, edges, beside=ACTIVITIES)
    chosen = await source(connection, ACTIVITIES, counting, edges, beside=DEAL_VALUES)
    rows = await fetch(connection, queries.load("deals", source=chosen.statement), chosen.parameters | {"edges": edges})
    sums = await fetch(
        connection, queries.load("deal_values", source=values.statement), values.parameters | {"edges": edges}
    )
    return Deals(
        **framed(chosen, counting),
        step=step,
        totals=Done(**_done(rows, sums)),
        over_time=[
            StepDone(
                start=start,
                **_done([row for row in rows if row["step"] == place], [row for row in sums if row["step"] == place]),
            )
            for place, start in enumerate(edges[:-1])
        ],
    )


def _done(rows: list[dict[str, Any]], sums: list[dict[str, Any]]) -> dict[str, Any]:
    value = sum((row["value_usd"] for row in sums), Decimal())
    found: dict[str, Any] = {
        name: tally(row for row in rows if row["action_name"] == f"{name.removesuffix('d')}_deal")
        for name in ("created", "updated", "deleted")
    }
    return found | {"valued": sum(row["value_count"] for row in sums), "total_value_created": f"{value:f}"}
