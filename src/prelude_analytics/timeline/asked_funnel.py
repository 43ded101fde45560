"""The answer to ``POST /funnel``: how many people went a way, step by step, and who."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.answers.funnel import Best, best_attempts
from prelude_analytics.answers.lives import Lives, merged
from prelude_analytics.timeline.funnels import (
    Funnel,
    FunnelBody,
    Question,
    breakdown_shown,
    grouped,
    people_shown,
    question_of,
    steps_shown,
)
from prelude_analytics.timeline.picking import Wanted
from prelude_analytics.timeline.query import Asked, framed

if TYPE_CHECKING:
    from prelude_analytics.database import Connection
    from prelude_analytics.timeline.load import Timeline
    from prelude_analytics.timeline.memory import Memory

__all__ = ["funnel"]

_SECOND_US: Final = 1_000_000


async def funnel(connection: Connection, memory: Memory, about: Asked, body: FunnelBody) -> Funnel:
    """How many people went a way, step by step; with `people`, who they are.

    Raises:
        ParameterError: `body` contradicts itself, or a value is not allowed.
    """
    question = question_of(body)
    timeline = await about.timeline(connection, memory, from_log=question.property is not None)
    best = await _best(timeline, body, question)
    roles = await timeline.roles(best.users) if question.breakdown == "user.role" else {}
    groups = None if question.breakdown is None else grouped(timeline, best, question, roles, body.top)
    return Funnel(
        order=body.order,
        window=body.window,
        steps=steps_shown(best, body),
        breakdown=None if groups is None else breakdown_shown(groups, best, body),
        people=None if body.people is None else await people_shown(timeline, best, body, groups),
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
