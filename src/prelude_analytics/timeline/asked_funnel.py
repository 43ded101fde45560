"""The answer to ``POST /funnel``: how many people went a way, step by step, and who."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.answers.extended import extended
from prelude_analytics.answers.funnel import Best, best_attempts
from prelude_analytics.answers.lives import Lives, inserted, merged
from prelude_analytics.asking import asked
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
from prelude_analytics.timeline.places import Behind, continued
from prelude_analytics.timeline.query import Asked, TimelineQuery, framed
from prelude_analytics.timeline.work import worked

if TYPE_CHECKING:
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.timeline.load import Timeline
    from prelude_analytics.timeline.memory import Memory

__all__ = ["best_of", "funnel"]

_SECOND_US: Final = 1_000_000


async def funnel(reading: Reading, memory: Memory, about: Asked, body: FunnelBody, query: TimelineQuery) -> Funnel:
    """How many people went a way, step by step; with `people`, who they are.

    Args:
        query: what `about` was made of.

    Raises:
        ParameterError: `body` contradicts itself, or a value is not allowed.
    """
    question = question_of(body)
    digest = asked(query, about.filters, _written(body))
    cursor = None if body.people is None else body.people.cursor
    place = None if cursor is None else Behind.read(cursor, digest, "people.cursor")
    about = await continued(about, place).reaching(reading)
    timeline = await about.timeline(reading, memory, from_log=question.property is not None)
    best = await best_of(timeline, body, question)
    roles = await timeline.roles(best.users) if question.breakdown == "user.role" else {}
    groups = None if question.breakdown is None else grouped(timeline, best, question, roles, body.top)
    return Funnel(
        order=body.order,
        window=body.window,
        steps=steps_shown(best, body),
        breakdown=None if groups is None else breakdown_shown(groups, best, body),
        people=await people_shown(timeline, best, body, groups, digest, place),
        **framed(timeline),
    )


async def best_of(timeline: Timeline, body: FunnelBody, question: Question) -> Best:
    """The best attempts, remembered where all that they are made of is."""
    if question.property is not None:
        timeline.property = question.property
    rows = timeline.key()
    if rows is None:
        return await _counted(timeline, body, question)

    async def count(keys: list[Any]) -> dict[Any, Best]:
        return dict.fromkeys(keys, await _counted(timeline, body, question))

    key = "funnel", rows, _asked(timeline, body, question)
    return (await timeline.memory.obtain([key], count))[key]  # type: ignore[no-any-return]


async def _counted(timeline: Timeline, body: FunnelBody, question: Question) -> Best:
    """The best attempts: among the rows of stretches that seldom change as they are remembered, and then with the others."""
    strict, settled = body.order == "strict", timeline.settled()
    version = timeline.key(last=settled)
    if settled == 0 or version is None or (strict and timeline.filtered()):
        return await _among(timeline, body, question, len(timeline.parts))

    async def count(keys: list[Any]) -> dict[Any, Best]:
        return dict.fromkeys(keys, await _among(timeline, body, question, settled))

    key = "settled", version, _asked(timeline, body, question)
    best: Best = (await timeline.memory.obtain([key], count))[key]
    wanted = [*question.steps, *question.exclusions]
    known = await timeline.pieces(wanted, range(settled), group=question.group, strict=strict)
    later = await timeline.pieces(wanted, range(settled, len(timeline.parts)), group=question.group, strict=strict)
    runs = await timeline.runs() if strict else []

    def extend() -> Best:
        steps, window_us = len(question.steps), body.window * _SECOND_US
        excluded = [piece for pieces in known[steps:] for piece in pieces]
        new = [merged(pieces) for pieces in later[:steps]]
        new.append(merged([piece for pieces in later[steps:] for piece in pieces]))
        lives = Lives(runs) if strict else None
        return extended(best, [*known[:steps], excluded], new, window_us, body.order, lives)

    return await worked(extend)


async def _among(timeline: Timeline, body: FunnelBody, question: Question, stretches: int) -> Best:
    """The best attempts among the rows of the first `stretches`."""
    strict = body.order == "strict"
    wanted = [*question.steps, *question.exclusions]
    statuses = {step.result_status for step in question.steps}
    if body.order == "any" and len(statuses) == 1:  # an attempt starts at any of the steps: all of them as one
        wanted.append(Wanted(tuple(action for step in question.steps for action in step.actions), *statuses))
    pieces = await timeline.pieces(wanted, range(stretches), group=question.group, strict=strict)
    runs = await timeline.runs() if strict else []

    def best() -> Best:
        hits = [reduce(inserted, some) for some in pieces]
        steps, behind = len(question.steps), len(question.steps) + len(question.exclusions)
        lives = Lives(runs[:stretches]) if strict else None
        starts = hits[behind] if len(hits) > behind else None
        window_us = body.window * _SECOND_US
        return best_attempts(hits[:steps], merged(hits[steps:behind]), window_us, body.order, lives, starts)

    return await worked(best)


def _written(body: FunnelBody) -> str:
    """The question in `body`, without how much of a list is asked for."""
    return "funnel " + body.model_dump_json(exclude={"people": {"limit", "cursor"}})


def _asked(timeline: Timeline, body: FunnelBody, question: Question) -> tuple[Any, ...]:
    """What tells one question from another."""
    changing = any(one.result_status in ("pending", "timeout") for one in (*question.steps, *question.exclusions))
    cut = timeline.cut if changing or question.group == "result_status" else None
    return cut, tuple(question.steps), tuple(question.exclusions), question.group, body.order, body.window
