"""The answer to ``GET /cohorts``: who came back, how many, and who they are."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import BaseModel, Field

from prelude_analytics.answers.cohorts import Cohort, Moments, cohorts, first_moments, members, returned
from prelude_analytics.answers.lives import users_of
from prelude_analytics.asking import asked
from prelude_analytics.parameters import ParameterError
from prelude_analytics.timeline.people import page_of
from prelude_analytics.timeline.periods import Unit, periods
from prelude_analytics.timeline.picking import Wanted
from prelude_analytics.timeline.places import Behind, behind, continued
from prelude_analytics.timeline.query import Asked, TimelineAnswer, TimelineQuery, action_of, framed
from prelude_analytics.timeline.work import worked
from prelude_store.timeline.columns import DAY_US
from prelude_store.timeline.moments import microseconds, moment

if TYPE_CHECKING:
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.timeline.load import Timeline
    from prelude_analytics.timeline.memory import Memory
    from prelude_store.timeline.columns import Ints

__all__ = ["ROLLING_DAYS", "Cohorts", "CohortsQuery", "cohorts_shown"]

ROLLING_DAYS: Final = {"day": 1, "week": 7}
"""Days of a period that counts from somebody's first activity."""


class CohortsQuery(TimelineQuery):
    """Parameters of cohorts."""

    unit: Unit = Field("week", description="How long a period is, by the calendar of `tz`.")
    periods: Literal["calendar", "rolling"] = Field(
        "calendar",
        description="Whether people come back in days, weeks or months of the calendar, or within 24 hours (7 times 24 for `week`) that count "
        "from when each of them came first.",
    )
    first: Literal["ever", "range"] = Field(
        "ever",
        description="`ever`: only people who never came before the range; `range`: their first time within the range.",
    )
    return_action: str | None = Field(
        None, description="What counts as coming back, as `type.name`; any activity, unless given."
    )
    people_of: date | None = Field(
        None, description="List people of one cohort: the first day of its period, as the answer has it."
    )
    people_in: int | None = Field(
        None,
        ge=0,
        description="Of those only who were there so many periods later, 0 for their own; everybody, unless given.",
    )
    limit: int = Field(100, ge=1, le=1000, description="People at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the people before.")


class CohortShown(BaseModel):
    """People whose first activity lies in one period."""

    period: date = Field(description="First day of the period.")
    users: int = Field(description="How many they are.")
    returned: list[int] = Field(
        description="How many of them were there in each period from then on; the first is their own."
    )
    complete: list[bool] = Field(description="Which of those periods were over for all of them when the range ended.")


class Newcomer(BaseModel):
    """Somebody of a cohort."""

    user_email: str
    first_at: datetime = Field(description="When the person came first.")


class Newcomers(BaseModel):
    """The people behind one figure, by address."""

    total: int = Field(description="As many as the figure says.")
    items: list[Newcomer]
    next_cursor: str | None


class Cohorts(TimelineAnswer):
    """Who came back."""

    unit: Unit
    cohorts: list[CohortShown]
    people: Newcomers | None


async def cohorts_shown(reading: Reading, memory: Memory, about: Asked, query: CohortsQuery) -> Cohorts:
    """Of those who came first in one period, how many came back in which.

    Raises:
        ParameterError: the parameters contradict each other, or a value is not allowed.
    """
    if query.periods == "rolling" and query.unit not in ROLLING_DAYS:
        raise ParameterError("unit", query.unit, "periods that roll are of one unit of day or week")
    action = None if query.return_action is None else action_of("return_action", query.return_action)
    digest = asked(query, about.filters, "cohorts")
    place = None if query.cursor is None else Behind.read(query.cursor, digest)
    about = await continued(about, place).reaching(reading)
    dates, edges = periods(about.range, query.unit)
    if query.people_of is not None and query.people_of not in dates:
        raise ParameterError("people_of", str(query.people_of), f"it is the first day of a {query.unit} of the range")
    length = ROLLING_DAYS[query.unit] * DAY_US if query.periods == "rolling" else None
    timeline = await about.timeline(reading, memory)
    moments = await timeline.moments(None if length else edges)
    users = await worked(lambda: np.unique(moments.users))
    known = await timeline.seen_before(users) if query.first == "ever" else users[:0]
    returns = moments if action is None else await _moments_of(timeline, Wanted((action,)))
    first = await worked(partial(first_moments, moments, known))
    periods_asked = edges, microseconds(about.range.to), length
    found = await worked(partial(returned, first, returns, *periods_asked))
    counted = await worked(partial(cohorts, found, *periods_asked))
    people = None
    if query.people_of is not None:
        places = await worked(partial(members, found, dates.index(query.people_of), query.people_in))
        people = await _people(timeline, first, places, query.limit, digest, place)
    return Cohorts(
        unit=query.unit,
        cohorts=[_shown(day, cohort) for day, cohort in zip(dates, counted, strict=True)],
        people=people,
        **framed(timeline),
    )


async def _moments_of(timeline: Timeline, wanted: Wanted) -> Moments:
    hits = (await timeline.hits([wanted]))[0]
    return await worked(lambda: Moments(users_of(hits.keys), hits.times))


def _shown(period: date, cohort: Cohort) -> CohortShown:
    return CohortShown(period=period, users=cohort.users, returned=cohort.returned, complete=cohort.complete)


async def _people(
    timeline: Timeline, first: Moments, places: Ints, limit: int, digest: str, place: Behind | None
) -> Newcomers:
    """A page of those at `places` among the users."""
    users = first.users[places]
    moments = dict(zip(users.tolist(), first.times[places].tolist(), strict=True))
    emails = await timeline.emails(users)
    page, more = page_of(emails, limit, "" if place is None else place.email)
    items = [Newcomer(user_email=email, first_at=moment(moments[user])) for email, user in page]
    cursor = behind(timeline, digest, page[-1][0]) if more else None
    return Newcomers(total=len(places), items=items, next_cursor=cursor)
