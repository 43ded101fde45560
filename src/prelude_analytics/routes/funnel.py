"""Funnels: how many went a way step by step, and who."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from prelude_analytics.access import Calls
from prelude_analytics.access.audit import describe
from prelude_analytics.figures.reading import Figures
from prelude_analytics.problems import Problem
from prelude_analytics.timeline.asked_funnel import funnel
from prelude_analytics.timeline.funnels import Funnel, FunnelBody
from prelude_analytics.timeline.query import TimelineQuery, asked

__all__ = ["router"]

router = APIRouter(tags=["timeline"])


@router.post("/funnel")
async def run_funnel(
    query: Annotated[TimelineQuery, Query()], body: FunnelBody, caller: Calls, figures: Figures, request: Request
) -> Funnel:
    """How many people went a way, step by step; with `people`, who they are."""
    if body.people is not None and caller.role not in ("self", "all", "govern"):
        raise Problem(403, "No names", f"the role {caller.role} sees no names; leave people out")
    about = asked(query, caller, request.app.state.settings)
    describe(request.scope, steps=[step.actions for step in body.steps], people=body.people is not None)
    async with figures.read(about.range) as reading:
        return await funnel(reading, request.app.state.timeline, about, body, query)
