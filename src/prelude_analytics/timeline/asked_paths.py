"""The answer to ``GET /paths``: what follows what, or what comes before it, and the visits behind a figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, Field

from prelude_analytics.answers.flows import Flows, added, flows_of, levels
from prelude_analytics.answers.fragments import joints_of, parted
from prelude_analytics.answers.lives import Sequence
from prelude_analytics.answers.paths import ANY, END, OTHERS, Paths, Steps, follow, located, through
from prelude_analytics.asking import asked
from prelude_analytics.parameters import ParameterError
from prelude_analytics.timeline.places import Behind, continued
from prelude_analytics.timeline.query import Asked, TimelineAnswer, TimelineQuery, action_of, framed
from prelude_analytics.timeline.visits import VisitList
from prelude_analytics.timeline.work import worked
from prelude_store.timeline.moments import moment

if TYPE_CHECKING:
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.timeline.load import Timeline
    from prelude_analytics.timeline.memory import Memory
    from prelude_store.timeline.columns import Ints

__all__ = ["ANY_ACTION", "THE_END", "THE_OTHERS", "PathsQuery", "PathsShown", "flows_in", "paths_shown"]

THE_OTHERS: Final = "(others)"
THE_END: Final = "(end)"
ANY_ACTION: Final = "(any)"
"""What a client writes for the activities that are not shown one by one, for going no further, and for whichever activity it was."""


class PathsQuery(TimelineQuery):
    """Parameters of paths."""

    start: str | None = Field(
        None,
        description="A path begins with the first such activity of a visit, as `type.name`; with the visit, unless given.",
    )
    direction: Literal["after", "before"] = Field(
        "after", description="`before`: back from there; unless `start` is given, from the last activity of the visit."
    )
    depth: int = Field(3, ge=1, le=5, description="Steps after the first.")
    gap: int = Field(
        1800,
        ge=1,
        le=43_200,
        description="Seconds without an activity that a visit outlasts; after a longer pause another begins.",
    )
    top: int = Field(8, ge=1, le=50, description="Activities shown at each step; all the others are one.")
    list_step: int | None = Field(
        None, ge=0, le=5, description="List the visits behind a figure of this step; the first is 0."
    )
    list_action: str | None = Field(
        None, description=f"The activity there, as the answer has it, or `{THE_OTHERS}`; `{ANY_ACTION}`: whichever."
    )
    list_next: str | None = Field(
        None,
        description=f"Only visits that went on with this activity, or `{THE_OTHERS}`; `{THE_END}`: that went no further.",
    )
    limit: int = Field(100, ge=1, le=1000, description="Visits at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the visits before.")


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


class VisitShown(BaseModel):
    """A visit behind a figure."""

    user_email: str
    at: datetime = Field(description="When it came by.")
    next_at: datetime | None = Field(description="When it went on; null where it did not.")


class VisitsShown(BaseModel):
    """The visits behind a figure, by address and time."""

    total: int = Field(description="As many as the figure says.")
    items: list[VisitShown]
    next_cursor: str | None


class PathsShown(TimelineAnswer):
    """What follows what, step by step."""

    visits: int = Field(description="All visits in the range.")
    paths: int = Field(description="Those in which a path begins.")
    steps: list[list[NodeShown]] = Field(description="The first, and then as many as `depth` says.")
    links: list[list[LinkShown]] = Field(description="From each step to the next.")
    listed: VisitsShown | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What the answer shows, and the names in it."""

    visits: int
    paths: int
    steps: Steps
    names: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """Of one stretch: its visits, counted, and what lies in it of visits that are in others as well."""

    flows: Flows
    rest: Sequence


async def paths_shown(reading: Reading, memory: Memory, about: Asked, query: PathsQuery) -> PathsShown:
    """What people do after what, or before it, within a visit.

    Raises:
        ParameterError: the parameters contradict each other, or a value is not allowed.
    """
    if query.start is not None:
        action_of("start", query.start)
    if query.list_step is not None and (query.list_step > query.depth or query.list_action is None):
        raise ParameterError("list_step", query.list_step, f"it is 0 to {query.depth}, with list_action beside it")
    digest = asked(query, about.filters, "paths")
    place = None if query.cursor is None else Behind.read(query.cursor, digest)
    about = await continued(about, place).reaching(reading)
    timeline = await about.timeline(reading, memory)
    found = await _found(timeline, query)
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
        listed=None if query.list_step is None else await _listed(timeline, query, query.list_step, digest, place),
        **framed(timeline),
    )


async def _found(timeline: Timeline, query: PathsQuery) -> _Found:
    """The answer, remembered where all that it is made of is."""

    async def count(keys: list[Any]) -> dict[Any, _Found]:
        flows, names = await flows_in(timeline, query), _names(timeline)

        def answer() -> _Found:
            return _Found(flows.visits, flows.paths, levels(flows, query.top, names), names)

        return dict.fromkeys(keys, await worked(answer))

    rows = timeline.key()
    key = "paths", rows, query.start, query.direction, query.depth, query.gap, query.top
    if rows is None:
        return (await count([key]))[key]
    return (await timeline.memory.obtain([key], count))[key]  # type: ignore[no-any-return]


async def flows_in(timeline: Timeline, query: PathsQuery) -> Flows:
    """The paths, counted: stretch by stretch, each count remembered, and those that go over from one to another."""
    sequences = await timeline.sequences()
    names = _names(timeline)
    joints = await worked(lambda: joints_of([part.runs for part in sequences], query.gap))

    def alone(number: int) -> _Part:
        visits, rest = parted(sequences[number], joints[number], query.gap)
        return _Part(flows_of(_follow([visits], query, names)), rest)

    question = query.start, query.direction, query.depth, query.gap
    stretches = {number: timeline.key(number, number + 1) for number in range(len(sequences))}
    remembered = {
        ("flows", rows, question, *(side.tobytes() for side in joints[number])): number
        for number, rows in stretches.items()
        if rows is not None
    }

    async def count(missing: list[Any]) -> dict[Any, _Part]:
        return await worked(lambda: {key: alone(remembered[key]) for key in missing})

    known = await timeline.memory.obtain(list(remembered), count)
    found = {number: known[key] for key, number in remembered.items()}
    found |= await worked(lambda: {number: alone(number) for number, rows in stretches.items() if rows is None})
    parts = [found[number] for number in stretches]  # in the order of time, and not in that in which they were found

    def together() -> Flows:
        return added([flows_of(_follow([part.rest for part in parts], query, names)), *(part.flows for part in parts)])

    return await worked(together)


def _names(timeline: Timeline) -> dict[int, str]:
    return {number: f"{kind}.{name}" for number, (kind, name) in timeline.actions.items()}


def _follow(sequences: list[Sequence], query: PathsQuery, names: dict[int, str], *, traced: bool = False) -> Paths:
    start = None if query.start is None else _number(query.start, names)
    backwards = query.direction == "before"
    return follow(sequences, query.gap, query.depth, start, backwards=backwards, traced=traced)


def _number(action: str, names: dict[int, str]) -> int:
    """Of an activity, or of what stands in its place; one that nobody ever did has a number that nothing has."""
    stands = {THE_OTHERS: OTHERS, THE_END: END, ANY_ACTION: ANY}
    if action in stands:
        return stands[action]
    return next((number for number, name in names.items() if name == action), max(names, default=0) + 1)


async def _listed(timeline: Timeline, query: PathsQuery, step: int, digest: str, place: Behind | None) -> VisitsShown:
    """A page of the visits behind a figure."""
    for name, stand_in in (("list_action", ANY_ACTION), ("list_next", THE_END)):
        if getattr(query, name) not in {None, THE_OTHERS, THE_END, stand_in}:
            action_of(name, getattr(query, name))
    sequences = await timeline.sequences()
    names = _names(timeline)
    action = _number(query.list_action or "", names)
    following = None if query.list_next is None else _number(query.list_next, names)

    def chosen() -> tuple[Ints, Ints]:
        paths = _follow(sequences, query, names, traced=True)
        behind_it = through(paths, query.top, names, step, action, following)
        return paths.places[step][behind_it], paths.places[step + 1][behind_it]

    here, there = await worked(chosen)
    at, then = await worked(lambda: (located(sequences, here), located(sequences, there)))
    emails = await timeline.emails(at.users)
    lists = VisitList(timeline, sequences, query.gap, at, emails)
    page, more = await lists.page(place, query.limit)
    items = [
        VisitShown(
            user_email=lists.keys[number].email,
            at=moment(await lists.time(at, number)),
            next_at=None if there[number] == END else moment(await lists.time(then, number)),
        )
        for number in page
    ]
    return VisitsShown(
        total=len(lists.keys), items=items, next_cursor=await lists.cursor(page[-1], digest) if more else None
    )
