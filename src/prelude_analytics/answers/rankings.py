"""Who and what is most active: pages, users, customers, senders of emails. Successes rank (ruling 21)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Answer, Counts, counts, framed
from prelude_analytics.cursors import Rank
from prelude_analytics.sources import ACTIVITIES, CUSTOMERS, EMAILS, USERS, Counting, Table, fetch, source

if TYPE_CHECKING:
    from prelude_analytics.database import Connection

__all__ = ["Asked", "Customers", "Emails", "Pages", "Users", "customers", "emails", "pages", "users"]


class Ranking(Answer):
    """The frame of a ranking."""

    next_cursor: str | None = Field(description="For `cursor`: what ranks behind, counted anew. Null at the end.")


class Page(Counts):
    """One page, by its template."""

    page_route: str


class Pages(Ranking):
    """The most visited pages."""

    items: list[Page] = Field(description="The most successes first.")


class User(Counts):
    """One person."""

    user_email: str
    name: str | None = Field(description="From the profile, where there is one.")
    role: str | None
    first_active: datetime | None = Field(description="First activity in the range that is not pending.")
    last_active: datetime | None = Field(description="Last activity in the range that is not pending.")


class Users(Ranking):
    """The most active users (the reference's Query 3)."""

    items: list[User] = Field(description="The most successes first.")


class Customer(Counts):
    """Views of one customer and of the customer's deals."""

    customer_id: str
    users: list[str] | None = Field(
        description="Who viewed, successfully; null where names are not for this credential."
    )
    user_count: int = Field(description="How many.")
    last_viewed: datetime | None = Field(description="Last successful view in the range.")


class Customers(Ranking):
    """Engagement with customers (the reference's Query 4)."""

    items: list[Customer] = Field(description="The most successful views first.")


class Methods(BaseModel):
    """Emails sent, by the way they went."""

    gmail_api_v2: int
    outlook_api_v2: int
    smtp: int
    other: int = Field(description="Any other method, or none named.")


class Sender(Counts):
    """One person's emails; the counts are of generating and sending together."""

    user_email: str
    generated: int = Field(description="Emails generated, successes.")
    sent: int = Field(description="Emails sent, successes.")
    by_method: Methods = Field(description="Of those sent.")


class Emails(Ranking):
    """Generating and sending of emails (the reference's Query 5)."""

    items: list[Sender] = Field(description="The most sent first.")


class Asked(NamedTuple):
    """A part of a ranking."""

    limit: int
    digest: str
    place: Rank | None


async def pages(connection: Connection, counting: Counting, asked: Asked) -> Pages:
    """The answer to ``GET /pages``."""
    frame, rows = await _ranked(connection, ACTIVITIES, counting, asked, "pages", "success", "page_route")
    return Pages(**frame, items=[Page(page_route=row["page_route"], **counts(row)) for row in rows])


async def users(connection: Connection, counting: Counting, asked: Asked) -> Users:
    """The answer to ``GET /users``."""
    frame, rows = await _ranked(connection, USERS, counting, asked, "users", "success", "user_email")
    names = ("user_email", "name", "role", "first_active", "last_active")
    return Users(**frame, items=[User(**({name: row[name] for name in names} | counts(row))) for row in rows])


async def customers(connection: Connection, counting: Counting, asked: Asked, *, named: bool) -> Customers:
    """The answer to ``GET /customers``; without the names of viewers unless `named`."""
    frame, rows = await _ranked(connection, CUSTOMERS, counting, asked, "customers", "success", "customer_id")
    return Customers(
        **frame,
        items=[
            Customer(
                customer_id=row["customer_id"],
                users=row["users"] if named else None,
                user_count=len(row["users"]),
                last_viewed=row["last_viewed"],
                **counts(row),
            )
            for row in rows
        ],
    )


async def emails(connection: Connection, counting: Counting, asked: Asked) -> Emails:
    """The answer to ``GET /emails``."""
    frame, rows = await _ranked(connection, EMAILS, counting, asked, "emails", "sent", "user_email")
    return Emails(
        **frame,
        items=[
            Sender(
                user_email=row["user_email"],
                generated=row["generated"],
                sent=row["sent"],
                by_method=Methods(
                    gmail_api_v2=row["gmail"],
                    outlook_api_v2=row["outlook"],
                    smtp=row["smtp"],
                    other=row["sent"] - row["gmail"] - row["outlook"] - row["smtp"],
                ),
                **counts(row),
            )
            for row in rows
        ],
    )


async def _ranked(
    connection: Connection, table: Table, counting: Counting, asked: Asked, question: str, score: str, key: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    chosen = await source(connection, table, counting)
    place = asked.place
    parameters = chosen.parameters | {
        "score": place and place.score,
        "key": place and place.key,
        "limit": asked.limit + 1,
    }
    rows = await fetch(connection, queries.load(question, source=chosen.statement), parameters)
    following = None
    if len(rows) > asked.limit:
        del rows[asked.limit :]
        last = rows[-1]
        following = Rank(last[score], last[key], counting.range.from_, counting.range.to, asked.digest).token
    return framed(chosen, counting) | {"next_cursor": following}, rows
