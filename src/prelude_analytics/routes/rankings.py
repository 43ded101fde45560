"""Rankings: users, customers, senders of emails, pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from prelude_analytics.access import Caller, Calls, Ranks, may_rank
from prelude_analytics.answers import rankings
from prelude_analytics.answers.rankings import Asked, Customers, Emails, Pages, Users
from prelude_analytics.asking import CursorQuery, PanelQuery, StepQuery, asked, counting, step_of
from prelude_analytics.cursors import Rank
from prelude_analytics.figures.reading import Figures
from prelude_analytics.settings import Settings
from prelude_analytics.sources import Counting
from prelude_analytics.zones import STEPS

__all__ = ["RankingQuery", "ranked", "router"]

router = APIRouter(tags=["rankings"])


class RankingQuery(PanelQuery, CursorQuery):
    """Filters, a range, and a part of a ranking."""


class UsersQuery(RankingQuery):
    """Parameters of the ranking of users."""

    step: str | None = Field(
        None,
        description="With this, everybody's activities over time, in steps of the calendar of `tz`.",
        json_schema_extra={"enum": [*STEPS]},
    )


@router.get("/users")
async def get_users(query: Annotated[UsersQuery, Query()], caller: Ranks, figures: Figures, request: Request) -> Users:
    """The most active users (the reference's Query 3); successes rank, all four statuses are shown."""
    about, part = ranked(query, caller, request.app.state.settings, "users")
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        step = None if query.step is None else step_of(StepQuery(step=query.step), about.range)
        return await rankings.users(reading, about, part, step)


@router.get("/customers")
async def get_customers(
    query: Annotated[RankingQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Customers:
    """Engagement with customers (the reference's Query 4): views of customers and of their deals."""
    about, part = ranked(query, caller, request.app.state.settings, "customers")
    named = caller.role == "self" or may_rank(caller, request.app.state.settings)
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await rankings.customers(reading, about, part, named=named)


@router.get("/emails")
async def get_emails(
    query: Annotated[RankingQuery, Query()], caller: Ranks, figures: Figures, request: Request
) -> Emails:
    """Emails generated and sent (the reference's Query 5)."""
    about, part = ranked(query, caller, request.app.state.settings, "emails")
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await rankings.emails(reading, about, part)


@router.get("/pages")
async def get_pages(
    query: Annotated[RankingQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Pages:
    """The most visited pages, by their templates."""
    about, part = ranked(query, caller, request.app.state.settings, "pages")
    async with figures.read(about.range) as reading:
        about = await reading.reaching(about)
        return await rankings.pages(reading, about, part)


def ranked(query: RankingQuery, caller: Caller, settings: Settings, of: str) -> tuple[Counting, Asked]:
    """What a ranking counts, and which part of it is asked for.

    Args:
        of: what is ranked.

    Raises:
        ParameterError: a value is not allowed.
        Problem: 403, the rows are somebody else's.
    """
    about = counting(query, caller, settings)
    digest = asked(query, about.filters, of)
    place = None if query.cursor is None else Rank.read(query.cursor, digest)
    if place is not None:
        among = replace(about.range, from_=place.since, to=place.until, open=False).quartered()
        about = replace(about, range=among, cut=place.watermark.cut, as_of=place.watermark)
    return about, Asked(query.limit, digest, place)
