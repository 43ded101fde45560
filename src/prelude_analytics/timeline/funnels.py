"""Funnels as the API has them: what may be asked, and how the answer is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from prelude_analytics.answers.funnel import Best, Order, Step, counted
from prelude_analytics.parameters import ParameterError
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.people import page_of
from prelude_analytics.timeline.picking import Wanted
from prelude_analytics.timeline.places import Behind, behind
from prelude_analytics.timeline.query import TimelineAnswer, action_of
from prelude_store.timeline.columns import STATUSES, Ints
from prelude_store.timeline.moments import moment

__all__ = [
    "Funnel",
    "FunnelBody",
    "Groups",
    "Question",
    "breakdown_shown",
    "grouped",
    "people_shown",
    "question_of",
    "steps_shown",
]

_SECOND_US: Final = 1_000_000
_COLUMNS: Final = ("entity_type", "page_route", "action_category")
_DATA: Final = re.compile(r"action_data\.([A-Za-z0-9_.-]{1,100})\Z", re.ASCII)
_ROLE: Final = "user.role"
_ALLOWED: Final = f"it is service_name, result_status, {_ROLE}, {', '.join(_COLUMNS)}, or action_data.KEY, of the row at which the attempt started"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MatchBody(_Body):
    """What a row must be."""

    actions: list[str] = Field(min_length=1, max_length=20, description="Any of these, as `type.name`.")
    result_status: Literal["success", "error", "pending", "timeout"] | None = Field(
        None, description="With which result; any, unless given."
    )


class GroupBody(_Body):
    """One group of the breakdown."""

    value: str | None = Field(None, description="As the answer names it; null: the attempts that have no value.")
    rest: bool = Field(False, description="All groups beyond `top` together.")


class PeopleBody(_Body):
    """Who, beside how many."""

    step: int = Field(ge=1, le=10, description="Number of the step, from 1.")
    outcome: Literal["reached", "dropped"] = Field(
        "reached", description="Those who reached the step, or those who did and went no further."
    )
    group: GroupBody | None = Field(None, description="Only those of one group; everybody, unless given.")
    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


class FunnelBody(_Body):
    """A funnel."""

    steps: list[MatchBody] = Field(min_length=2, max_length=10)
    order: Order = Field(
        "ordered",
        description="`ordered`: in this order, other activities may lie between; `strict`: each the very next activity; `any`: in any order.",
    )
    window: int = Field(
        14 * 86_400, ge=1, le=400 * 86_400, description="Seconds from the first step within which the last one counts."
    )
    exclusions: list[MatchBody] = Field(
        [], max_length=10, description="Activities that end an attempt between two steps."
    )
    breakdown: str | None = Field(None, description=f"By what to break the figures down: {_ALLOWED}.")
    top: int = Field(20, ge=1, le=100, description="Groups of the breakdown at most; the rest is one group.")
    people: PeopleBody | None = Field(None, description="List those behind one figure.")


class StepShown(BaseModel):
    """One step."""

    step: int
    users: int = Field(description="People who reached it in their best attempt.")
    dropped: int = Field(description="Those of them who went no further; 0 at the last step.")
    from_first: float | None = Field(description="Share of those who made the first step.")
    from_previous: float | None = Field(description="Share of those who made the step before.")
    median_seconds: float | None = Field(description="Time since the step before, the median.")


class Group(BaseModel):
    """The funnel of those whose attempt belongs to one group."""

    value: str | None = Field(description="Null: the attempts that have no value.")
    rest: bool = Field(description="All groups beyond `top` together.")
    steps: list[StepShown]


class Person(BaseModel):
    """Somebody behind a figure."""

    user_email: str
    steps: int = Field(description="Steps of the best attempt.")
    first_at: datetime = Field(description="When that attempt started.")
    last_at: datetime = Field(description="When it reached the last of its steps.")


class People(BaseModel):
    """The people behind one figure, by address."""

    total: int = Field(description="As many as the figure says.")
    items: list[Person]
    next_cursor: str | None


class Funnel(TimelineAnswer):
    """A funnel's figures."""

    order: Order
    window: int
    steps: list[StepShown]
    breakdown: list[Group] | None
    people: People | None


@dataclass(frozen=True, slots=True)
class Question:
    """A funnel's body, understood.

    Attributes:
        group: what rows are grouped by while they are read.
        property: SQL of ours for a property of the row, and its parameter.
    """

    steps: list[Wanted]
    exclusions: list[Wanted]
    breakdown: str | None
    group: str | None
    property: tuple[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Groups:
    """What a breakdown parts people into.

    Attributes:
        names: of groups, by number; a number that has none is no value.
        codes: the number of each person's group.
        chosen: the numbers that are shown one by one.
        rest: the others.
    """

    names: Mapping[int, str]
    codes: Ints
    chosen: list[int]
    rest: list[int]


def question_of(body: FunnelBody) -> Question:
    """What `body` asks.

    Raises:
        ParameterError: it contradicts itself, or a value is not allowed.
    """
    steps = [_wanted(f"steps.{place}", match) for place, match in enumerate(body.steps)]
    exclusions = [_wanted(f"exclusions.{place}", match) for place, match in enumerate(body.exclusions)]
    for place, exclusion in enumerate(exclusions):
        for number, step in enumerate(steps, 1):
            if _overlap(step, exclusion):
                allowed = f"an exclusion is nothing that step {number} may be"
                raise ParameterError(f"exclusions.{place}.actions", body.exclusions[place].actions, allowed)
    if body.order == "any":
        for (first, one), (second, other) in combinations(enumerate(steps, 1), 2):
            if _overlap(one, other):
                allowed = f"in any order no activity may be two steps, and this may be step {first} as well"
                raise ParameterError(f"steps.{second - 1}.actions", body.steps[second - 1].actions, allowed)
    if body.people is not None and body.people.step > len(steps):
        raise ParameterError("people.step", body.people.step, f"the funnel has {len(steps)} steps")
    group, expression = _group(body.breakdown)
    return Question(steps, exclusions, body.breakdown, group, expression)


def steps_shown(best: Best, body: FunnelBody, chosen: Ints | None = None) -> list[StepShown]:
    """The steps of the answer; of the attempts that `chosen` lets pass."""
    steps = counted(best, len(body.steps), chosen)
    shown = []
    for number, step in enumerate(steps):
        following = steps[number + 1].users if number + 1 < len(steps) else step.users
        shown.append(
            StepShown(
                step=number + 1,
                users=step.users,
                dropped=step.users - following,
                from_first=_share(step, steps[0]),
                from_previous=_share(step, steps[number - 1]) if number else None,
                median_seconds=None if step.median_us is None else step.median_us / _SECOND_US,
            )
        )
    return shown


def grouped(timeline: Timeline, best: Best, question: Question, roles: dict[int, str], top: int) -> Groups:
    """The groups of a question that breaks down: the largest first, equal ones by name."""
    if question.breakdown == _ROLE:
        names = dict(enumerate(sorted(set(roles.values())), 1))
        numbers = {name: number for number, name in names.items()}
        codes = np.array([numbers.get(roles.get(user, ""), 0) for user in best.users.tolist()], dtype=np.int64)
    elif question.group == "result_status":
        names, codes = dict(enumerate(STATUSES)), best.groups
    else:
        names = timeline.services if question.group == "service_name" else timeline.properties
        codes = best.groups
    seen, counts = np.unique(codes, return_counts=True)
    sizes = dict(zip(seen.tolist(), counts.tolist(), strict=True))
    ranked = sorted(sizes, key=lambda code: (-sizes[code], names.get(code, "")))
    return Groups(names, codes, ranked[:top], ranked[top:])


def breakdown_shown(groups: Groups, best: Best, body: FunnelBody) -> list[Group]:
    """The groups of the answer, and the rest."""
    shown = [
        Group(value=groups.names.get(code), rest=False, steps=steps_shown(best, body, groups.codes == code))
        for code in groups.chosen
    ]
    if groups.rest:
        rest = np.isin(groups.codes, groups.rest)
        shown.append(Group(value=None, rest=True, steps=steps_shown(best, body, rest)))
    return shown


async def people_shown(
    timeline: Timeline, best: Best, body: FunnelBody, groups: Groups | None, digest: str, place: Behind | None
) -> People | None:
    """A page of those behind a figure; None where `body` asks for nobody.

    Args:
        digest: of the question.
        place: behind which page; None: from the first.

    Raises:
        ParameterError: there are no groups of which one is asked for.
    """
    asked, steps = body.people, len(body.steps)
    if asked is None:
        return None
    chosen = best.reached >= asked.step
    if asked.outcome == "dropped":  # nobody drops at the last step
        chosen &= (best.reached == asked.step) & (asked.step < steps)
    if asked.group is not None:
        chosen &= _of_group(groups, asked.group)
    places = np.flatnonzero(chosen)
    numbers = dict(zip(best.users[places].tolist(), places.tolist(), strict=True))
    emails = await timeline.emails(best.users[places])
    page, more = page_of(emails, asked.limit, "" if place is None else place.email)
    items = [_person(email, best, numbers[user]) for email, user in page]
    cursor = behind(timeline, digest, page[-1][0]) if more else None
    return People(total=len(places), items=items, next_cursor=cursor)


def _person(email: str, best: Best, place: int) -> Person:
    steps = int(best.reached[place])
    first, last = (moment(int(best.times[step, place])) for step in (0, steps - 1))
    return Person(user_email=email, steps=steps, first_at=first, last_at=last)


def _of_group(groups: Groups | None, asked: GroupBody) -> NDArray[np.bool_]:
    if groups is None:
        raise ParameterError("people.group", asked.value, "groups there are with a breakdown alone")
    if asked.rest:
        return np.isin(groups.codes, groups.rest)
    codes = [code for code in groups.chosen if groups.names.get(code) == asked.value]
    return np.isin(groups.codes, codes)


def _share(step: Step, of: Step) -> float | None:
    return step.users / of.users if of.users else None


def _wanted(name: str, match: MatchBody) -> Wanted:
    actions = tuple(action_of(f"{name}.actions.{place}", text) for place, text in enumerate(match.actions))
    return Wanted(actions, match.result_status)


def _overlap(one: Wanted, other: Wanted) -> bool:
    statuses = {one.result_status, other.result_status}
    return bool(set(one.actions) & set(other.actions)) and (None in statuses or len(statuses) == 1)


def _group(breakdown: str | None) -> tuple[str | None, tuple[str, str | None] | None]:
    if breakdown is None or breakdown == _ROLE:
        return None, None
    if breakdown in ("service_name", "result_status"):
        return breakdown, None
    if breakdown in _COLUMNS:
        return "property", (f"log.{breakdown}", None)
    key = _DATA.match(breakdown)
    if key is None:
        raise ParameterError("breakdown", breakdown, _ALLOWED)
    return "property", ("log.action_data ->> %(property)s", key[1])
