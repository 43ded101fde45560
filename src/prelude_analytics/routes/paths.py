"""Paths: what follows what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from prelude_analytics.access import Calls
from prelude_analytics.figures.reading import Figures
from prelude_analytics.parameters import needs
from prelude_analytics.timeline.asked_paths import PathsQuery, PathsShown, paths_shown
from prelude_analytics.timeline.query import asked

__all__ = ["router"]

router = APIRouter(tags=["timeline"])


@router.get("/paths")
async def get_paths(
    query: Annotated[PathsQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> PathsShown:
    """What people do after what, or before it, within a visit; with `list_step`, the visits behind a figure."""
    if query.list_step is None:
        needs(query, "list_step", "list_action", "list_next", "cursor")
    about = asked(query, caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        return await paths_shown(reading, request.app.state.timeline, about, query)
