"""Session summaries of somebody whose rows have changed hands. A summary may outlive its rows, so summaries are joined, and rows are
counted only where there is no other way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_store.rollups import arrivals
from prelude_store.rollups.state import lock_state
from prelude_store.sessions import keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prelude_store.connection import Connection
    from prelude_store.mentions.person import Person

__all__ = ["Page", "Summary", "joined", "recount", "replace"]

_COLUMNS: Final = (
    "user_email", "session_id", "derived", "started_at", "started_lane", "started_seq", "ended_at", "activity_count", "success_count",
    "error_count", "pending_count", "timeout_count", "first_page_at", "first_page_lane", "first_page_seq", "first_page",
    "last_page_at", "last_page_lane", "last_page_seq", "last_page",
)  # fmt: skip
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM public.user_session_summaries"  # noqa: S608 (constants)
_OF_USERS: Final = f"{_SELECT} WHERE user_email = ANY (%s)"
_LIKE: Final = f"{_SELECT} WHERE lower(concat_ws(E'\\n', user_email, session_id, first_page, last_page) COLLATE \"C\") LIKE ANY (%s)"
_DELETE: Final = "DELETE FROM public.user_session_summaries WHERE user_email = ANY (%s)"
_INSERT: Final = f"""
INSERT INTO public.user_session_summaries ({", ".join(_COLUMNS)}, duration_ms)
VALUES ({", ".join(["%s"] * len(_COLUMNS))}, %s)
"""  # noqa: S608


class Page(NamedTuple):
    """A page with its place, so that the first and the last of several can be told."""

    at: datetime | None
    lane: int | None
    seq: int | None
    page: str | None


class Summary(NamedTuple):
    """A session."""

    user: str
    session: str
    derived: bool
    started_at: datetime
    started_lane: int
    started_seq: int
    ended_at: datetime
    counts: tuple[int, ...]
    first: Page
    last: Page


def replace(connection: Connection, address: Person, users: Sequence[str], user: Callable[[str], str | None],
            text: Callable[[str], str], gap: timedelta) -> int:  # fmt: skip
    """Give summaries of `users`, and those that name `address`, their new names, and join what belongs together.

    Args:
        connection: within a transaction that has locked the state of rollups.
        users: as summaries have them.
        user: gives the new name of one of `users`; None: their sessions go.
        text: gives other texts, as they are to be.
        gap: between rows of two derived sessions.

    Returns:
        How many summaries there were.
    """
    found = {_summary(row) for row in connection.execute(_OF_USERS, [list(users)])}
    found |= {_summary(row) for row in connection.execute(_LIKE, [address.patterns])}
    if not found:
        return 0
    touched = {one.user for one in found}
    renamed = {name: user(name) if name in users else text(name) for name in touched}
    others = {name for name in renamed.values() if name is not None}
    # Whoever gets a session may have others that it joins.
    found |= {_summary(row) for row in connection.execute(_OF_USERS, [sorted(touched | others)])}
    connection.execute(_DELETE, [sorted(touched | others)])
    named: list[Summary] = []
    for one in found:
        name = renamed.get(one.user, one.user)
        if name is not None:
            first, last = (page._replace(page=page.page and text(page.page)) for page in (one.first, one.last))
            named.append(one._replace(user=name, session=text(one.session), first=first, last=last))
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, [_row(one) for one in joined(named, gap)])
    return len(found)


def recount(connection: Connection, users: Sequence[str]) -> None:
    """Make the sessions of `users` anew from their rows; within an open transaction."""
    if not users:
        return
    state = lock_state(connection, exclusive=True)
    keys = [
        key
        for (key,) in connection.execute("SELECT public.prelude_key(one) FROM unnest(%s::text[]) AS one", [list(users)])
    ]
    connection.execute(_DELETE, [keys])
    for statement in arrivals.MAKE:
        connection.execute(statement.encode())
    arrivals.take_users_in_sessions(connection, users)
    keep.add(connection, state.session_gap)
    connection.execute("TRUNCATE pg_temp.prelude_arrived")


def joined(summaries: Iterable[Summary], gap: timedelta) -> list[Summary]:
    """`summaries` with those of one session as one: of the same id; derived ones, which are less than `gap` apart."""
    explicit: dict[tuple[str, str], Summary] = {}
    derived: dict[str, list[Summary]] = {}
    for one in summaries:
        if one.derived:
            derived.setdefault(one.user, []).append(one)
        else:
            key = (one.user, one.session)
            explicit[key] = _both(explicit[key], one) if key in explicit else one
    result = list(explicit.values())
    for members in derived.values():
        members.sort(key=lambda one: (one.started_at, one.started_lane, one.started_seq))
        islands = [members[0]]
        for one in members[1:]:
            if one.started_at - islands[-1].ended_at < gap:
                islands[-1] = _both(islands[-1], one)
            else:
                islands.append(one)
        result += islands
    return result


def _both(one: Summary, other: Summary) -> Summary:
    """The session of which both are parts; its id is that of the part that began first."""
    earlier = min(one, other, key=lambda part: (part.started_at, part.started_lane, part.started_seq))
    return earlier._replace(
        ended_at=max(one.ended_at, other.ended_at),
        counts=tuple(a + b for a, b in zip(one.counts, other.counts, strict=True)),
        first=min((part.first for part in (one, other) if part.first.at is not None), key=_place, default=one.first),
        last=max((part.last for part in (one, other) if part.last.at is not None), key=_place, default=one.last),
    )


def _place(page: Page) -> tuple[Any, ...]:
    return page[:3]


def _summary(row: tuple[Any, ...]) -> Summary:
    user, session, derived, started_at, lane, seq, ended_at = row[:7]
    return Summary(
        user, session, derived, started_at, lane, seq, ended_at, tuple(row[7:12]), Page(*row[12:16]), Page(*row[16:20])
    )


def _row(one: Summary) -> tuple[Any, ...]:
    length = (one.ended_at - one.started_at) // timedelta(milliseconds=1)
    return (*one[:7], *one.counts, *one.first, *one.last, length)
