"""Deals created, updated and deleted, and what those created are worth (the reference's Query 6). Successes count (ruling 21)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import BaseModel, Field

from prelude_analytics.answers.shapes import Answer, Counts, counts, framed
from prelude_analytics.figures.sheet import Chunk, edges_of, sheet
from prelude_analytics.figures.tables import ACTIVITIES, DEAL_VALUES
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

__all__ = ["Deals", "deals"]

_DONE: Final = {"created": "create_deal", "updated": "update_deal", "deleted": "delete_deal"}


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


async def deals(reading: Reading, counting: Counting, step: Step) -> Deals:
    """The answer to ``GET /deals``."""
    edges = counting.range.steps(step)
    values = await sheet(reading, DEAL_VALUES, counting, edges, beside=ACTIVITIES)
    chosen = await sheet(reading, ACTIVITIES, counting, edges, beside=DEAL_VALUES)
    by_step = await worked(chosen, lambda: _by_step(chosen, edges))
    sums = _values(values, edges)
    return Deals(
        **framed(chosen, counting),
        step=step,
        totals=Done(**_done(by_step.sum(axis=0), sums)),
        over_time=[
            StepDone(start=start, **_done(by_step[place], sums[place : place + 1]))
            for place, start in enumerate(edges[:-1])
        ],
    )


def _by_step(of: Sheet, edges: list[datetime]) -> NDArray[np.int64]:
    """By step, and by what was done: how many of each status."""
    names, steps, step = list(_DONE.values()), len(edges) - 1, edges_of(edges)
    groups, keys = of.grouped("action_name")
    places = np.array([names.index(name) if name in names else len(names) for (name,) in keys] or [0])

    def place(chunk: Chunk) -> Ints:
        placed: Ints = step(chunk) * (len(names) + 1) + places[groups[chunk.frame["key"]]]
        return placed

    return of.by_status(steps * (len(names) + 1), place).reshape(steps, len(names) + 1, len(ORDER))


def _values(of: Sheet, edges: list[datetime]) -> list[tuple[int, Decimal]]:
    """By step, how many deals that were created have a value, and what these come to."""
    step = edges_of(edges)
    found = [(0, Decimal()) for _ in edges[:-1]]
    for chunk in of.chunks:
        successes = (of.statuses(chunk) == ORDER.index(SUCCESS))[chunk.frame["key"]]
        columns = step(chunk), chunk.frame["value_count"], chunk.frame["value_usd"]
        for place, count, value in zip(*(column[successes].tolist() for column in columns), strict=True):
            known = found[place]
            found[place] = known[0] + count, known[1] + value
    return found


def _done(by_status: NDArray[np.int64], sums: list[tuple[int, Decimal]]) -> dict[str, Any]:
    done: dict[str, Any] = {name: counts(row) for name, row in zip(_DONE, by_status.tolist(), strict=False)}
    value = sum((value for _, value in sums), Decimal())
    return done | {"valued": sum(count for count, _ in sums), "total_value_created": f"{value:f}"}
