"""Cohorts of return."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from prelude_analytics.access import Calls
from prelude_analytics.figures.reading import Figures
from prelude_analytics.parameters import needs
from prelude_analytics.timeline.asked_cohorts import Cohorts, CohortsQuery, cohorts_shown
from prelude_analytics.timeline.query import asked

__all__ = ["router"]

router = APIRouter(tags=["timeline"])


@router.get("/cohorts")
async def get_cohorts(
    query: Annotated[CohortsQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Cohorts:
    """Of those who came first in one period, how many came back in which; with `people_of`, who they are."""
    if query.people_of is None:
        needs(query, "people_of", "people_in", "cursor")
    about = asked(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        return await cohorts_shown(reading, request.app.state.timeline, about, query)
