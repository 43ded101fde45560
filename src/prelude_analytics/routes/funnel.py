"""Funnels: how many went a way step by step, and who."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from prelude_analytics.access import Calls
from prelude_analytics.access.audit import describe
from prelude_analytics.answers.funnel import Best, best_attempts
from prelude_analytics.answers.lives import Lives, merged
from prelude_analytics.database import Reads
from prelude_analytics.problems import Problem
from prelude_analytics.timeline.funnels import (
    Funnel,
    FunnelBody,
    Question,
    breakdown_shown,
    people_shown,
    question_of,
    steps_shown,
)
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.picking import Wanted
from prelude_analytics.timeline.query import TimelineQuery, asked, framed

__all__ = ["router"]

router = APIRouter(tags=["timeline"])

_SECOND_US: Final = 1_000_000


@router.post("/funnel")
async def run_funnel(
    query: Annotated[TimelineQuery, Query()], body: FunnelBody, caller: Calls, database: Reads, request: Request
) -> Funnel:
    """How many people went a way, step by step; with `people`, who they are."""
    question = question_of(body)
    if body.people is not None and caller.role not in ("self", "all", "govern"):
        raise Problem(403, "No names", f"the role {caller.role} sees no names; leave people out")
    about = asked(query, caller, request.app.state.settings)
    describe(request.scope, steps=[step.actions for step in body.steps], people=body.people is not None)
    async with database.read() as connection:
        timeline = await about.timeline(connection, request.app.state.timeline, from_log=question.property is not None)
        best = await _best(timeline, body, question)
        roles = await timeline.roles(best.users) if question.breakdown == "user.role" else {}
        people = await people_shown(timeline, best, body) if body.people is not None else None
    return Funnel(
        order=body.order,
        window=body.window,
        steps=steps_shown(best, body),
        breakdown=breakdown_shown(timeline, best, body, question, roles),
        people=people,
        **framed(timeline),
    )


async def _best(timeline: Timeline, body: FunnelBody, question: Question) -> Best:
    """The best attempts, remembered where all that they are made of is."""
    if question.property is not None:
        timeline.property = question.property
    rows = timeline.key()
    if rows is None:
        return await _counted(timeline, body, question)

    async def count(keys: list[Any]) -> dict[Any, Best]:
        return dict.fromkeys(keys, await _counted(timeline, body, question))

    asked = tuple(question.steps), tuple(question.exclusions), question.group, body.order, body.window
    changing = any(one.result_status in ("pending", "timeout") for one in (*question.steps, *question.exclusions))
    cut = timeline.cut if changing or question.group == "result_status" else None
    key = "funnel", rows, cut, asked
    return (await timeline.memory.obtain([key], count))[key]  # type: ignore[no-any-return]


async def _counted(timeline: Timeline, body: FunnelBody, question: Question) -> Best:
    strict = body.order == "strict"
    asked = [*question.steps, *question.exclusions]
    statuses = {step.result_status for step in question.steps}
    if body.order == "any" and len(statuses) == 1:  # an attempt starts at any of the steps: all of them as one
        asked.append(Wanted(tuple(action for step in question.steps for action in step.actions), *statuses))
    hits = await timeline.hits(asked, group=question.group, strict=strict)
    lives = Lives(await timeline.runs()) if strict else None
    steps, exclusions = (
        hits[: len(question.steps)],
        merged(hits[len(question.steps) : len(question.steps) + len(question.exclusions)]),
    )
    starts = hits[-1] if len(hits) > len(question.steps) + len(question.exclusions) else None
    window_us = body.window * _SECOND_US
    return await asyncio.to_thread(best_attempts, steps, exclusions, window_us, body.order, lives, starts)
