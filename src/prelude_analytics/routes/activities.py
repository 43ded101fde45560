"""The reference's summary, and the list of what was done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from prelude_analytics.access import Calls, restrict
from prelude_analytics.answers.page import Activities, activities
from prelude_analytics.answers.rows import Wanted, first_place
from prelude_analytics.answers.summary import Summary, summary
from prelude_analytics.asking import CursorQuery, PanelQuery, asked, counting, cut_now
from prelude_analytics.cursors import Place, Watermark
from prelude_analytics.figures.reading import Figures

__all__ = ["AsOfQuery", "router"]

router = APIRouter(tags=["activities"])


class AsOfQuery(PanelQuery):
    """A list as of a watermark."""

    as_of: str | None = Field(
        None, description="`watermark.cursor` of an answer: just what it counted. By default all that is committed."
    )


class ListQuery(AsOfQuery, CursorQuery):
    """Parameters of a list of activities."""


@router.get("/activities")
async def get_activities(
    query: Annotated[PanelQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Summary:
    """What was done: totals by status with the change against the period before, by action, and by day."""
    about = counting(query, caller, request.app.state.settings)
    whole = replace(about.range, from_=about.range.before().from_)
    async with figures.read(whole) as reading:
        about = await reading.reaching(about)
        return await summary(reading, about)


@router.get("/recent-activities")
async def get_recent_activities(
    query: Annotated[ListQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Activities:
    """Activities, newest first. Pages neither skip nor repeat any while new ones arrive."""
    now = datetime.now(UTC)
    filters = restrict(caller, query.filters())
    among, digest = query.range(now), asked(query, filters)
    place = None if query.cursor is None else Place.read(query.cursor, digest)
    watermark = None if query.as_of is None else Watermark.read(query.as_of)
    async with figures.read(among) as reading:
        among = among.reaching(await reading.newest_ahead(among.to))
        as_of = None
        if place is None:
            if watermark is None:
                watermark, as_of = await reading.committed(cut_now(request.app.state.settings, now))
            place = first_place(watermark, among.from_, among.to, digest)
        return await activities(reading, Wanted(filters, among.to, place), query.limit, as_of)
