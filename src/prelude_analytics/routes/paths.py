"""Paths: what follows what."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from prelude_analytics.access import Calls
from prelude_analytics.answers.lives import Sequence
from prelude_analytics.answers.paths import Steps, follow, levels
from prelude_analytics.database import Reads
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.picking import Action
from prelude_analytics.timeline.query import TimelineAnswer, TimelineQuery, action_of, asked, framed

__all__ = ["router"]

router = APIRouter(tags=["timeline"])


class PathsQuery(TimelineQuery):
    """Parameters of paths."""

    start: str | None = Field(
        None,
        description="A path begins with the first such activity of a visit, as `type.name`; with the visit, unless given.",
    )
    depth: int = Field(3, ge=1, le=5, description="Steps after the first.")
    gap: int = Field(
        1800,
        ge=1,
        le=43_200,
        description="Seconds without an activity that a visit outlasts; after a longer pause another begins.",
    )
    top: int = Field(8, ge=1, le=50, description="Activities shown at each step; all the others are one.")


class NodeShown(BaseModel):
    """An activity at one step."""

    action: str | None = Field(description="As `type.name`; null: all the others together.")
    count: int = Field(description="Paths that came by here.")
    ended: int = Field(description="Those of them that went no further.")


class LinkShown(BaseModel):
    """What joins a step to the next."""

    source: str | None = Field(description="Activity of the step; null: the others.")
    target: str | None = Field(description="Activity of the next step; null: the others.")
    count: int


class PathsShown(TimelineAnswer):
    """What follows what, step by step."""

    visits: int = Field(description="All visits in the range.")
    paths: int = Field(description="Those in which a path begins.")
    steps: list[list[NodeShown]] = Field(description="The first, and then as many as `depth` says.")
    links: list[list[LinkShown]] = Field(description="From each step to the next.")


@router.get("/paths")
async def get_paths(
    query: Annotated[PathsQuery, Query()], caller: Calls, database: Reads, request: Request
) -> PathsShown:
    """What people do after what, within a visit."""
    start = None if query.start is None else action_of("start", query.start)
    about = asked(query, caller, request.app.state.settings)
    async with database.read() as connection:
        timeline = await about.timeline(connection, request.app.state.timeline)
        found = await _found(timeline, query, start)
    names, steps = found.names, found.steps
    return PathsShown(
        visits=found.visits,
        paths=found.paths,
        steps=[
            [NodeShown(action=names.get(node.action or 0), count=node.count, ended=node.ended) for node in step]
            for step in steps.nodes
        ],
        links=[
            [
                LinkShown(source=names.get(link.source or 0), target=names.get(link.target or 0), count=link.count)
                for link in step
            ]
            for step in steps.links
        ],
        **framed(timeline),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the answer shows, and the names in it."""

    visits: int
    paths: int
    steps: Steps
    names: dict[int, str]


async def _found(timeline: Timeline, query: PathsQuery, start: Action | None) -> _Found:
    """The answer, remembered where all that it is made of is."""

    async def count(keys: list[Any]) -> dict[Any, _Found]:
        sequences = await timeline.sequences()
        names = {number: f"{kind}.{name}" for number, (kind, name) in timeline.actions.items()}
        number = None
        if start is not None:
            number = next((number for number, action in timeline.actions.items() if action == start), -1)
        return dict.fromkeys(keys, await asyncio.to_thread(_answer, sequences, query, number, names))

    rows = timeline.key()
    key = "paths", rows, start, query.depth, query.gap, query.top
    if rows is None:
        return (await count([key]))[key]
    return (await timeline.memory.obtain([key], count))[key]  # type: ignore[no-any-return]


def _answer(sequences: list[Sequence], query: PathsQuery, start: int | None, names: dict[int, str]) -> _Found:
    paths = follow(sequences, query.gap, query.depth, start)
    return _Found(paths.visits, paths.actions.shape[1], levels(paths, query.top, names), names)
