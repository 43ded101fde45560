"""Figures over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from prelude_analytics.access import Calls
from prelude_analytics.answers.deals import Deals, deals
from prelude_analytics.answers.errors import Errors, errors
from prelude_analytics.answers.latency import Latency, latency
from prelude_analytics.answers.origins import Origins, origins
from prelude_analytics.answers.trends import STACKS, Heatmap, Stack, Trends, heatmap, trends
from prelude_analytics.asking import PanelQuery, StepQuery, counting, step_of
from prelude_analytics.figures.reading import Figures
from prelude_analytics.parameters import ParameterError

__all__ = ["router"]

router = APIRouter(tags=["figures"])

_HEATMAP_DAYS: Final = 400


class SteppedQuery(PanelQuery, StepQuery):
    """Filters, a range, and its steps."""


class TrendsQuery(SteppedQuery):
    """Parameters of trends."""

    stack: Stack = Field("status", description=f"What the series are: one for each {', '.join(STACKS)}.")
    limit: int = Field(20, ge=1, le=100, description="Series at most; what does not fit is one more, without a key.")


class OriginsQuery(PanelQuery):
    """Parameters of origins."""

    limit: int = Field(20, ge=1, le=1000, description="Of each at most; what does not fit is one more, without a key.")


@router.get("/trends")
async def get_trends(
    query: Annotated[TrendsQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Trends:
    """Counts over time, stacked."""
    about = counting(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await trends(reading, about, step_of(query, about.range), query.stack, query.limit)


@router.get("/heatmap")
async def get_heatmap(
    query: Annotated[PanelQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Heatmap:
    """Counts by hour and weekday of the zone."""
    about = counting(query, caller, request.app.state.settings)
    if about.range.to - about.range.from_ > timedelta(days=_HEATMAP_DAYS):
        name, value = ("days", query.days) if query.days else ("from", query.from_)
        raise ParameterError(name, value, f"a heatmap is of at most {_HEATMAP_DAYS} days")
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await heatmap(reading, about)


@router.get("/latency")
async def get_latency(
    query: Annotated[SteppedQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Latency:
    """How long activities took: percentiles over time and by action."""
    about = counting(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await latency(reading, about, step_of(query, about.range))


@router.get("/errors")
async def get_errors(
    query: Annotated[SteppedQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Errors:
    """What failed: the rate over time, by action with examples, and by page."""
    about = counting(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await errors(reading, about, step_of(query, about.range))


@router.get("/origins")
async def get_origins(
    query: Annotated[OriginsQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Origins:
    """Where activities came from: by address, and by browser. Read from rows, so ask it of a person, a thing or a short range."""
    about = counting(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await origins(reading, about, query.limit)


@router.get("/deals")
async def get_deals(
    query: Annotated[SteppedQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Deals:
    """Deals created, updated and deleted, with the values of those created (the reference's Query 6)."""
    about = counting(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await deals(reading, about, step_of(query, about.range))
