"""Sessions: summaries, and what was done in one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, Field

from prelude_analytics import groups, queries
from prelude_analytics.answers.shapes import KEPT_FROM, WatermarkShown
from prelude_analytics.cursors import SessionPlace
from prelude_analytics.filters import Filters
from prelude_analytics.items import Activity, columns, item
from prelude_analytics.sources import between, fetch, in_lanes

if TYPE_CHECKING:
    from prelude_analytics.cursors import Place, Watermark
    from prelude_analytics.database import Connection

__all__ = ["OneSession", "Session", "SessionList", "Sessions", "find", "sessions", "timeline"]

_ALL: Final = Filters()
_NEWER: Final = 5_000
"""Rows since the first page that are looked through for sessions that they may have moved."""


class Session(BaseModel):
    """One session of one user."""

    user_email: str
    session_id: str
    derived: bool = Field(
        description="True where the activities named no session: those of a user with no longer pause between."
    )
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    activity_count: int = Field(description="Activities that count: a pending one that was ended does not.")
    success_count: int
    error_count: int
    pending_count: int = Field(description="Those that were never ended, however old.")
    timeout_count: int
    first_page: str | None
    last_page: str | None


class Sessions(BaseModel):
    """A page of sessions."""

    items: list[Session] = Field(description="The last begun first.")
    next_cursor: str | None
    watermark: WatermarkShown
    rows_kept_from: datetime | None = KEPT_FROM


class OneSession(BaseModel):
    """One session, and what was done in it."""

    session: Session
    items: list[Activity] = Field(description="In order of time.")
    next_cursor: str | None
    watermark: WatermarkShown


@dataclass(frozen=True, slots=True)
class SessionList:
    """Which sessions, and behind which place.

    Attributes:
        with_errors: only those in which something failed.
    """

    filters: Filters
    until: datetime
    place: SessionPlace
    with_errors: bool = False


async def sessions(
    connection: Connection, wanted: SessionList, limit: int, known: Watermark
) -> tuple[list[dict[str, Any]], SessionPlace | None]:
    """At most `limit` sessions, and the place to go on from; None at the end.

    Args:
        known: how far sessions are kept now. Where very much has come since the first page, those that late rows have moved are told
            by where they stand now.
    """
    place = wanted.place
    condition, parameters = wanted.filters.where("session", rollup=True)
    parameters |= place.watermark.parameters() | {
        "since": place.since,
        "at": min(place.started_at, wanted.until),  # one bound alone, as of rows
        "email": place.user_email,
        "id": place.session_id,
        "derived": place.derived,
        "with_errors": wanted.with_errors,
        "limit": limit + 1,
    }
    newer = between(place.watermark, known)
    if sum(last - first for _, first, last in newer) > _NEWER:
        newer = []
    statement = queries.load("sessions", filters=condition, newer=in_lanes(newer))
    rows = await fetch(connection, statement, parameters)
    if len(rows) <= limit:
        return rows, None
    del rows[limit:]
    last = rows[-1]
    behind = replace(
        place,
        started_at=last["stood_at"],
        user_email=last["user_email"],
        session_id=last["session_id"],
        derived=last["derived"],
    )
    return rows, behind


async def find(connection: Connection, session_id: str, filters: Filters) -> list[dict[str, Any]]:
    """The sessions of that id, of several users maybe; three at most."""
    condition, parameters = filters.where("session", rollup=True)
    return await fetch(connection, queries.load("session", filters=condition), parameters | {"session_id": session_id})


async def timeline(
    connection: Connection, session: dict[str, Any], place: Place, limit: int, filters: Filters = _ALL
) -> tuple[list[dict[str, Any]], bool]:
    """At most `limit` activities of `session` behind `place`, of those that `filters` fit, and whether there are more."""
    condition, parameters = filters.where("log")
    parameters |= place.watermark.parameters() | {
        "email": session["user_email"],
        "session_id": session["session_id"],
        "derived": session["derived"],
        "started": session["started_at"],
        "ended": session["ended_at"],
        "at": place.timestamp,
        "id": place.event_id,
        "limit": limit + 1,
    }
    fragments = {"columns": columns(), "filters": condition, "counted": queries.text("counted")}
    statement = queries.load("session_rows", whose=_whose(session["user_email"]), **fragments)
    rows = await fetch(connection, statement, parameters)
    return [item(row, place.watermark.cut) for row in rows[:limit]], len(rows) > limit


def _whose(email: str) -> str:
    """The condition on rows of somebody who is called so in summaries, where what is too long for a key is cut."""
    return f"{'public.prelude_key(log.user_email)' if groups.is_cut(email) else 'log.user_email'} = %(email)s::text"
