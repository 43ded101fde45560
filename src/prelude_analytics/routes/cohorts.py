"""Cohorts of return."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from prelude_analytics.access import Calls
from prelude_analytics.answers.cohorts import Cohort, Moments, cohorts, first_moments
from prelude_analytics.answers.lives import users_of
from prelude_analytics.database import Reads
from prelude_analytics.parameters import ParameterError
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.periods import Unit, periods
from prelude_analytics.timeline.picking import Wanted
from prelude_analytics.timeline.query import TimelineAnswer, TimelineQuery, action_of, asked, framed
from prelude_store.timeline.columns import DAY_US
from prelude_store.timeline.moments import microseconds

__all__ = ["router"]

router = APIRouter(tags=["timeline"])

_ROLLING_DAYS: Final = {"day": 1, "week": 7}


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


class CohortShown(BaseModel):
    """People whose first activity lies in one period."""

    period: date = Field(description="First day of the period.")
    users: int = Field(description="How many they are.")
    returned: list[int] = Field(
        description="How many of them were there in each period from then on; the first is their own."
    )
    complete: list[bool] = Field(description="Which of those periods were over for all of them when the range ended.")


class Cohorts(TimelineAnswer):
    """Who came back."""

    unit: Unit
    cohorts: list[CohortShown]


@router.get("/cohorts")
async def get_cohorts(
    query: Annotated[CohortsQuery, Query()], caller: Calls, database: Reads, request: Request
) -> Cohorts:
    """Of those who came first in one period, how many came back in which."""
    if query.periods == "rolling" and query.unit not in _ROLLING_DAYS:
        raise ParameterError("unit", query.unit, "periods that roll are of one unit of day or week")
    action = None if query.return_action is None else action_of("return_action", query.return_action)
    about = asked(query, caller, request.app.state.settings)
    dates, edges = periods(about.range, query.unit)
    length = _ROLLING_DAYS[query.unit] * DAY_US if query.periods == "rolling" else None
    async with database.read() as connection:
        timeline = await about.timeline(connection, request.app.state.timeline)
        moments = await timeline.moments(None if length else edges)
        users = np.unique(moments.users)
        known = await timeline.seen_before(users) if query.first == "ever" else users[:0]
        returns = moments if action is None else await _moments_of(timeline, Wanted((action,)))
        first = await asyncio.to_thread(first_moments, moments, known)
    until = microseconds(about.range.to)
    table = await asyncio.to_thread(cohorts, first, returns, edges, until, length)
    return Cohorts(
        unit=query.unit,
        cohorts=[_shown(day, cohort) for day, cohort in zip(dates, table, strict=True)],
        **framed(timeline),
    )


async def _moments_of(timeline: Timeline, wanted: Wanted) -> Moments:
    hits = (await timeline.hits([wanted]))[0]
    return Moments(users_of(hits.keys), hits.times)


def _shown(period: date, cohort: Cohort) -> CohortShown:
    return CohortShown(period=period, users=cohort.users, returned=cohort.returned, complete=cohort.complete)
