"""How long activities took: percentiles over time and by action, from sketches."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import Field

from prelude_analytics.answers.shapes import RELATIVE_ERROR, Answer, Percentiles, framed
from prelude_analytics.figures.sheet import Chunk, Sheet, edges_of, sheet
from prelude_analytics.figures.tables import LATENCIES, LATENCY_TOTALS
from prelude_analytics.figures.work import worked
from prelude_otel.contract.duration import MAX_DURATION_MS
from prelude_store.rollups import sketch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from prelude_analytics.figures.frames import Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.sources import Counting
    from prelude_analytics.zones import Step

__all__ = ["Latency", "by_action", "latency"]

_MARKS: Final = sketch.mark(MAX_DURATION_MS) + 1
_PERCENTS: Final = (50, 95, 99)


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


async def latency(reading: Reading, counting: Counting, step: Step) -> Latency:
    """The answer to ``GET /latency``."""
    edges = counting.range.steps(step)
    timed = await sheet(reading, LATENCIES if counting.filters.given else LATENCY_TOTALS, counting, edges)
    steps = await worked(timed, lambda: _sketches(timed, len(edges) - 1, edges_of(edges)))
    return Latency(
        **framed(timed, counting),
        step=step,
        totals=Percentiles(**_percentiles(steps.sum(axis=0, keepdims=True))[0]),
        over_time=[
            LatencyStep(start=start, **found) for start, found in zip(edges[:-1], _percentiles(steps), strict=True)
        ],
        by_action=[
            LatencyAction(action_type=action_type, action_name=action_name, **found)
            for (action_type, action_name), found in (await by_action(reading, counting)).items()
        ],
    )


async def by_action(reading: Reading, counting: Counting) -> dict[tuple[str, ...], dict[str, Any]]:
    """The fields of `Percentiles` by type and name of the action; the most frequent first."""
    chosen = await sheet(reading, LATENCIES, counting)
    groups, actions = chosen.grouped("action_type", "action_name")
    sketches = await worked(chosen, lambda: _sketches(chosen, len(actions), lambda chunk: groups[chunk.frame["key"]]))
    found = zip(actions, _percentiles(sketches), strict=True)
    measured = [(action, of_action) for action, of_action in found if of_action["measured"]]
    return dict(sorted(measured, key=lambda one: (-one[1]["measured"], one[0])))


def _sketches(of: Sheet, size: int, place: Callable[[Chunk], Ints]) -> NDArray[np.int64]:
    """By place, how many lengths are at each mark."""

    def both(chunk: Chunk) -> Ints:
        placed: Ints = place(chunk) * _MARKS + chunk.frame["mark"]
        return placed

    return of.sums("count", size * _MARKS, both).reshape(size, _MARKS)


def _percentiles(sketches: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The fields of `Percentiles` of each sketch."""
    upto = sketches.cumsum(axis=1)
    totals = upto[:, -1]
    marks = [(upto * 100 >= totals[:, None] * percent).argmax(axis=1).tolist() for percent in _PERCENTS]
    # Of nothing, every mark is enough: the first is no length.
    return [
        {"measured": total}
        | {
            f"p{percent}": round(sketch.value(mark), 3) if total else None
            for percent, mark in zip(_PERCENTS, found, strict=True)
        }
        for total, *found in zip(totals.tolist(), *marks, strict=True)
    ]
