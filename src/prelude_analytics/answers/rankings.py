"""Who and what is most active: pages, users, customers, senders of emails. Successes rank (ruling 21)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Answer, Counts, counts, framed
from prelude_analytics.cursors import Rank
from prelude_analytics.figures.frames import EARLIEST, LATEST
from prelude_analytics.figures.sheet import Chunk, edges_of, sheet
from prelude_analytics.figures.tables import ACTIVITIES, CUSTOMERS, EMAILS, USERS, VIEWERS
from prelude_analytics.figures.work import worked
from prelude_analytics.sources import fetch
from prelude_analytics.statuses import ORDER
from prelude_otel.contract.vocabulary import PENDING, SUCCESS, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from prelude_analytics.figures.frames import Frame, Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.figures.sheet import Sheet
    from prelude_analytics.sources import Counting
    from prelude_analytics.zones import Step

__all__ = ["Asked", "Customers", "Emails", "Pages", "Users", "customers", "emails", "pages", "users", "viewers"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SUCCESS: Final = ORDER.index(SUCCESS)


class Ranking(Answer):
    """The frame of a ranking."""

    next_cursor: str | None = Field(
        description="For `cursor`: what ranks behind, as of the same watermark. Null at the end."
    )


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
    over_time: list[int] | None = Field(
        description="Activities at each of `starts`; null unless a `step` is asked for."
    )


class Users(Ranking):
    """The most active users (the reference's Query 3)."""

    starts: list[datetime] | None = Field(description="When each step begins; null unless a `step` is asked for.")
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


class Sent(Counts):
    """Emails; the counts are of generating and sending together."""

    generated: int = Field(description="Emails generated, successes.")
    sent: int = Field(description="Emails sent, successes.")
    by_method: Methods = Field(description="Of those sent.")


class Sender(Sent):
    """One person's emails."""

    user_email: str


class Emails(Ranking):
    """Generating and sending of emails (the reference's Query 5)."""

    totals: Sent = Field(description="Of all emails: also of people on other pages, and of nobody.")
    items: list[Sender] = Field(description="The most sent first.")


class Asked(NamedTuple):
    """A part of a ranking."""

    limit: int
    digest: str
    place: Rank | None


class _Ranked(NamedTuple):
    """A part of a ranking.

    Attributes:
        keys: with the number that each has in the dictionary.
        by_status: of all numbers, a column for each status.
    """

    keys: list[tuple[str, int]]
    by_status: NDArray[np.int64]
    more: bool


async def pages(reading: Reading, counting: Counting, asked: Asked) -> Pages:
    """The answer to ``GET /pages``."""
    chosen = await sheet(reading, ACTIVITIES, counting)
    groups, keys = chosen.grouped("page_route")

    def ranked() -> _Ranked:
        by_status = chosen.by_status(len(keys), lambda chunk: groups[chunk.frame["key"]])
        return _rank([page for (page,) in keys], by_status[:, _SUCCESS], by_status, asked)

    found = await worked(chosen, ranked)
    frame = _frame(chosen, counting, asked, found, found.by_status[:, _SUCCESS])
    return Pages(**frame, items=[Page(page_route=page, **_counts(found, number)) for page, number in found.keys])


async def users(reading: Reading, counting: Counting, asked: Asked, step: Step | None = None) -> Users:
    """The answer to ``GET /users``; with how much everybody did over time, in steps, where there is a `step`."""
    edges = [] if step is None else counting.range.steps(step)
    chosen = await sheet(reading, USERS, counting, edges)
    emails = chosen.dictionaries["user_email"].values

    def ranked() -> tuple[_Ranked, list[list[int]], Ints, Ints]:
        by_status = _statuses(chosen, "user_email", len(emails))
        found = _rank(emails, by_status[:, _SUCCESS], by_status, asked)
        return (
            found,
            _over_time(chosen, [number for _, number in found.keys], len(emails), edges) if edges else [],
            _extreme(chosen, "user_email", "first_at", len(emails), np.minimum, LATEST),
            _extreme(chosen, "user_email", "last_at", len(emails), np.maximum, EARLIEST),
        )

    found, lines, first, last = await worked(chosen, ranked)
    names = {"emails": [email for email, _ in found.keys]}
    profiles = {row["email"]: row for row in await fetch(reading.connection, queries.load("profiles"), names)}
    return Users(
        **_frame(chosen, counting, asked, found, found.by_status[:, _SUCCESS]),
        starts=edges[:-1] if edges else None,
        items=[
            User(
                user_email=email,
                name=profiles.get(email, {}).get("name"),
                role=profiles.get(email, {}).get("role"),
                first_active=_moment(first[number], LATEST),
                last_active=_moment(last[number], EARLIEST),
                over_time=lines[place] if lines else None,
                **_counts(found, number),
            )
            for place, (email, number) in enumerate(found.keys)
        ],
    )


async def customers(reading: Reading, counting: Counting, asked: Asked, *, named: bool) -> Customers:
    """The answer to ``GET /customers``; without the names of viewers unless `named`."""
    chosen = await sheet(reading, CUSTOMERS, counting)
    seen = await sheet(reading, VIEWERS, counting)
    ids = chosen.dictionaries["customer_id"].values

    def ranked() -> tuple[_Ranked, Ints, dict[str, list[str]]]:
        by_status = _statuses(chosen, "customer_id", len(ids))
        found = _rank(ids, by_status[:, _SUCCESS], by_status, asked)
        last = _extreme(chosen, "customer_id", "last_at", len(ids), np.maximum, EARLIEST)
        return found, last, _viewers(seen, [customer for customer, _ in found.keys])

    found, last, viewers = await worked(chosen, ranked)
    return Customers(
        **_frame(chosen, counting, asked, found, found.by_status[:, _SUCCESS]),
        items=[
            Customer(
                customer_id=customer,
                users=viewers.get(customer, []) if named else None,
                user_count=len(viewers.get(customer, ())),
                last_viewed=_moment(last[number], EARLIEST),
                **_counts(found, number),
            )
            for customer, number in found.keys
        ],
    )


async def viewers(reading: Reading, counting: Counting, customer: str) -> list[str]:
    """Who viewed one customer, successfully: those whom ``user_count`` of ``GET /customers`` counts, in order."""
    seen = await sheet(reading, VIEWERS, counting)
    found = await worked(seen, lambda: _viewers(seen, [customer]))
    return found.get(customer, [])


async def emails(reading: Reading, counting: Counting, asked: Asked) -> Emails:
    """The answer to ``GET /emails``."""
    chosen = await sheet(reading, EMAILS, counting)
    people = chosen.dictionaries["user_email"].values
    groups, kinds = chosen.grouped("action_name", "method")
    names = [name for name, _ in kinds]
    methods = [method for _, method in kinds]

    def counted() -> NDArray[np.int64]:
        """By person, kind and status."""
        by_status = chosen.by_status(
            len(people) * len(kinds), lambda chunk: chunk.frame["user_email"] * len(kinds) + groups[chunk.frame["key"]]
        )
        return by_status.reshape(len(people), len(kinds), len(ORDER))

    table = await worked(chosen, counted)
    sending, generating = (
        np.array([one == name for one in names], dtype=bool) for name in ("send_email", "generate_email")
    )
    sent = table[:, sending, _SUCCESS].sum(axis=1)
    generated = table[:, generating, _SUCCESS].sum(axis=1)
    by_method = {
        method: table[:, sending & np.array([one == method for one in methods], dtype=bool), _SUCCESS].sum(axis=1)
        for method in ("gmail_api_v2", "outlook_api_v2", "smtp")
    }
    found = _rank(people, sent, table.sum(axis=1), asked)

    def of(numbers: int | slice) -> dict[str, Any]:
        named = {method: int(part[numbers].sum()) for method, part in by_method.items()}
        together = int(sent[numbers].sum())
        return {
            "generated": int(generated[numbers].sum()),
            "sent": together,
            "by_method": Methods(**named, other=together - sum(named.values())),
        }

    return Emails(
        **_frame(chosen, counting, asked, found, sent),
        totals=Sent(**(of(slice(None)) | counts(found.by_status.sum(axis=0).tolist()))),
        items=[Sender(user_email=email, **(of(number) | _counts(found, number))) for email, number in found.keys],
    )


def _counts(found: _Ranked, number: int) -> dict[str, int]:
    return counts(found.by_status[number].tolist())


def _statuses(of: Sheet, name: str, size: int) -> NDArray[np.int64]:
    """By number of `name`, the sums of the four columns of statuses."""
    table = np.zeros((size, len(ORDER)), dtype=np.int64)
    for chunk in of.chunks:
        for place, status in enumerate(ORDER):
            read = ORDER.index(TIMEOUT) if chunk.late and status == PENDING else place
            sums = chunk.frame.derived(("sums", name, status), partial(_sums, chunk.frame, name, status))[:size]
            table[: len(sums), read] += sums
    return table


def _sums(of: Frame, name: str, column: str) -> Ints:
    """By number of `name`, the sums of `column`."""
    return np.rint(np.bincount(of[name], weights=of[column])).astype(np.int64)


def _over_time(of: Sheet, numbers: list[int], size: int, edges: list[datetime]) -> list[list[int]]:
    """For each of `numbers` of users, of which there are `size`, how many activities at each step."""
    steps, step = len(edges) - 1, edges_of(edges)
    rank = np.full(size, len(numbers), dtype=np.int64)
    rank[numbers] = np.arange(len(numbers))

    def place(chunk: Chunk) -> Ints:
        placed: Ints = rank[chunk.frame["user_email"]] * steps + step(chunk)
        return placed

    among = steps * (len(numbers) + 1)
    table = np.sum([of.sums(status, among, place) for status in ORDER], axis=0)
    lines: list[list[int]] = table.reshape(len(numbers) + 1, steps)[:-1].tolist()
    return lines


def _extreme(of: Sheet, name: str, column: str, size: int, which: np.ufunc, missing: int) -> Ints:
    """By number of `name`, the first or the last of the moments in `column`."""
    found: Ints = np.full(size, missing, dtype=np.int64)
    for chunk in of.chunks:
        make = partial(_extremes, chunk.frame, name, column, which, missing)
        moments = chunk.frame.derived(("extremes", name, column), make)[:size]
        which(found[: len(moments)], moments, out=found[: len(moments)])
    return found


def _extremes(of: Frame, name: str, column: str, which: np.ufunc, missing: int) -> Ints:
    found: Ints = np.full(int(of[name].max(initial=-1)) + 1, missing, dtype=np.int64)
    which.at(found, of[name], of[column])
    return found


def _moment(microseconds: Any, missing: int) -> datetime | None:
    return None if microseconds == missing else _EPOCH + timedelta(microseconds=int(microseconds))


def _viewers(of: Sheet, customers: list[str]) -> dict[str, list[str]]:
    """Who viewed each of `customers`, in order."""
    known, people = of.dictionaries["customer_id"], of.dictionaries["user_email"]
    found: dict[str, list[str]] = {}
    for customer in customers:
        number, viewers = known.number(customer), set[int]()
        for chunk in of.chunks:
            users, starts = chunk.frame.derived("viewers", partial(_by_customer, chunk.frame))
            if number is not None and number + 1 < len(starts):
                viewers.update(users[starts[number] : starts[number + 1]].tolist())
        if viewers:
            found[customer] = sorted(people[person] for person in viewers)
    return found


def _by_customer(of: Frame) -> tuple[Ints, Ints]:
    """Users in the order of the numbers of the customers that they viewed, and where the users of each customer begin."""
    order = np.argsort(of["customer_id"], kind="stable")
    starts: Ints = np.concatenate(([0], np.cumsum(np.bincount(of["customer_id"]))))
    return of["user_email"][order], starts


def _rank(keys: Sequence[str], scores: Ints, by_status: NDArray[np.int64], asked: Asked) -> _Ranked:
    """The highest scores behind the place that is asked for; what is equal stands in the order of its keys."""
    present: NDArray[np.bool_] = np.asarray(by_status.any(axis=1))
    if "" in keys:
        present[keys.index("")] = False
    if asked.place is not None:
        score, key = asked.place.score, asked.place.key
        level = np.flatnonzero(present & (scores == score)).tolist()
        present &= scores < score
        present[[number for number in level if keys[number] > key]] = True
    numbers = np.flatnonzero(present)
    most = asked.limit + 1
    if len(numbers) > most:
        least = np.partition(scores[numbers], len(numbers) - most)[len(numbers) - most]
        numbers = numbers[scores[numbers] >= least]
    ranked = sorted((-int(scores[number]), keys[number], number) for number in numbers.tolist())
    return _Ranked([(key, number) for _, key, number in ranked[: asked.limit]], by_status, len(ranked) > asked.limit)


def _frame(of: Sheet, counting: Counting, asked: Asked, found: _Ranked, scores: Ints) -> dict[str, Any]:
    following = None
    if found.more:
        key, number = found.keys[-1]
        among = counting.range.from_, counting.range.to
        following = Rank(int(scores[number]), key, *among, asked.digest, of.watermark).token
    return framed(of, counting) | {"next_cursor": following}
