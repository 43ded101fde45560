"""How long activities took, by page: exact percentiles out of rows, of as much of the range as may be read.

Rollups keep no lengths by page. Where the range has more rows than figures may read, its last hours are taken, and the answer says from when on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import BaseModel, Field

from prelude_analytics import queries, sources
from prelude_analytics.answers.shapes import Percentiles, RangeShown, WatermarkShown
from prelude_analytics.figures.sheet import edges_of, sheet
from prelude_analytics.figures.tables import ACTIVITIES
from prelude_analytics.figures.work import worked
from prelude_analytics.sources import asked_rows, fetch

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.sources import Counting
    from prelude_analytics.zones import Step

__all__ = ["PageLatencies", "page_latencies"]

_MOST_STEPS: Final = 10_000
_HOUR: Final = timedelta(hours=1)


class PageLatency(Percentiles):
    """One page."""

    page_route: str = Field(description="The template; empty: activities without a page.")
    count: int = Field(description="All activities, those of unknown length among them.")


class PageLatencies(BaseModel):
    """Percentiles by page."""

    range: RangeShown = Field(description="What was read: the range that was asked for, or its last part.")
    whole: bool = Field(description="Whether it is all of the range.")
    watermark: WatermarkShown
    items: list[PageLatency] = Field(description="The most frequent first.")


async def page_latencies(reading: Reading, counting: Counting, limit: int = 50) -> PageLatencies:
    """Percentiles of each page, exact (nearest rank)."""
    since = await _since(reading, counting)
    watermark, as_of = await reading.committed(counting.cut)
    condition, parameters = asked_rows(counting.filters)
    parameters |= watermark.parameters() | {"since": since, "until": counting.range.to, "limit": limit}
    statement = queries.load("page_latencies", **{"filters} AND {counted": condition})
    rows = await fetch(reading.connection, statement, parameters)
    return PageLatencies(
        range=RangeShown(**replace(counting.range, from_=since).shown()),  # type: ignore[arg-type]
        whole=since == counting.range.from_,
        watermark=WatermarkShown(as_of=as_of, cursor=watermark.token),
        items=[_shown(row) for row in rows],
    )


async def _since(reading: Reading, counting: Counting) -> datetime:
    """From when on there are no more rows than may be read."""
    hours = (counting.range.to - counting.range.from_) / _HOUR
    step: Step = "hour" if hours < _MOST_STEPS else "day"
    edges = counting.range.steps(step, most=_MOST_STEPS)
    chosen = await sheet(reading, ACTIVITIES, counting, edges)
    counts = await worked(chosen, lambda: chosen.sums("count", len(edges) - 1, edges_of(edges)))
    upto = np.cumsum(counts[::-1])
    # From none of the steps on where even the last one has too many.
    return edges[len(counts) - int(np.searchsorted(upto, sources.MOST_ROWS, side="right"))]


def _shown(row: dict[str, Any]) -> PageLatency:
    lengths = row["lengths"] or (None, None, None)
    names = ("p50", "p95", "p99")
    known = {name: None if length is None else float(length) for name, length in zip(names, lengths, strict=True)}
    return PageLatency(page_route=row["page_route"], count=row["count"], measured=row["measured"], **known)
