"""Rankings: users, customers, senders of emails, pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request

from prelude_analytics.access import Caller, Calls, Ranks, may_rank
from prelude_analytics.answers import rankings
from prelude_analytics.answers.rankings import Asked, Customers, Emails, Pages, Users
from prelude_analytics.asking import CursorQuery, PanelQuery, asked, counting
from prelude_analytics.cursors import Rank
from prelude_analytics.figures.reading import Figures
from prelude_analytics.sources import Counting

__all__ = ["router"]

router = APIRouter(tags=["rankings"])


class RankingQuery(PanelQuery, CursorQuery):
    """Filters, a range, and a part of a ranking."""


@router.get("/users")
async def get_users(
    query: Annotated[RankingQuery, Query()], caller: Ranks, figures: Figures, request: Request
) -> Users:
    """The most active users (the reference's Query 3); successes rank, all four statuses are shown."""
    about, part = _ranked(query, caller, request)
    async with figures.read() as reading:
        return await rankings.users(reading, about, part)


@router.get("/customers")
async def get_customers(
    query: Annotated[RankingQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Customers:
    """Engagement with customers (the reference's Query 4): views of customers and of their deals."""
    about, part = _ranked(query, caller, request)
    named = caller.role == "self" or may_rank(caller, request.app.state.settings)
    async with figures.read() as reading:
        return await rankings.customers(reading, about, part, named=named)


@router.get("/emails")
async def get_emails(
    query: Annotated[RankingQuery, Query()], caller: Ranks, figures: Figures, request: Request
) -> Emails:
    """Emails generated and sent (the reference's Query 5)."""
    about, part = _ranked(query, caller, request)
    async with figures.read() as reading:
        return await rankings.emails(reading, about, part)


@router.get("/pages")
async def get_pages(
    query: Annotated[RankingQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Pages:
    """The most visited pages, by their templates."""
    about, part = _ranked(query, caller, request)
    async with figures.read() as reading:
        return await rankings.pages(reading, about, part)


def _ranked(query: RankingQuery, caller: Caller, request: Request) -> tuple[Counting, Asked]:
    about = counting(query, caller, request.app.state.settings)
    digest = asked(query, about.filters)
    place = None if query.cursor is None else Rank.read(query.cursor, digest)
    if place is not None:
        about = replace(about, range=replace(about.range, from_=place.since, to=place.until).quartered())
    return about, Asked(query.limit, digest, place)
