"""Sessions, and what was done in one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from prelude_analytics.access import Calls, restrict
from prelude_analytics.answers.sessions import (
    OneSession,
    Session,
    SessionList,
    Sessions,
    find,
    sessions,
    timeline,
)
from prelude_analytics.answers.shapes import WatermarkShown
from prelude_analytics.asking import CursorQuery, asked, cut_now
from prelude_analytics.cursors import Place, SessionPlace
from prelude_analytics.database import Reads
from prelude_analytics.figures.reading import Figures
from prelude_analytics.filters import Filters
from prelude_analytics.parameters import ParameterError
from prelude_analytics.problems import Problem
from prelude_analytics.ranges import RangeQuery
from prelude_analytics.sources import watermark_of_rollups
from prelude_otel.contract.vocabulary import STATUSES

if TYPE_CHECKING:
    from prelude_analytics.access import Caller
    from prelude_analytics.database import Connection
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.settings import Settings

__all__ = ["SessionQuery", "SessionsQuery", "router", "session_shown", "sessions_shown"]

router = APIRouter(tags=["sessions"])


class SessionsQuery(RangeQuery, CursorQuery):
    """Parameters of a list of sessions."""

    user_email: str | None = Field(None, description="Whose sessions.")
    session_id: str | None = Field(
        None, description="Sessions with this id; clients choose ids, so several users may have one."
    )
    with_errors: bool = Field(False, description="Only sessions in which something failed.")


class SessionQuery(CursorQuery):
    """Parameters of one session."""

    user_email: str | None = Field(None, description="Whose session; needed where several users have one of that id.")
    result_status: str | None = Field(
        None,
        description="Only the activities with this status; the summary is of all.",
        json_schema_extra={"enum": [*sorted(STATUSES)]},
    )


@router.get("/sessions")
async def get_sessions(
    query: Annotated[SessionsQuery, Query()], caller: Calls, figures: Figures, request: Request
) -> Sessions:
    """Sessions that began in the range, the last first."""
    now = datetime.now(UTC)
    async with figures.read(query.range(now)) as reading:
        return await sessions_shown(reading, query, caller, request.app.state.settings, now)


@router.get("/sessions/{session_id}")
async def get_session(
    session_id: Annotated[str, Path(description="The session's id.", max_length=2000)],
    query: Annotated[SessionQuery, Query()],
    caller: Calls,
    database: Reads,
    request: Request,
) -> OneSession:
    """One session: its summary, and what was done in it in order of time."""
    async with database.read() as connection:
        return await session_shown(connection, session_id, query, caller, request.app.state.settings)


async def sessions_shown(
    reading: Reading, query: SessionsQuery, caller: Caller, settings: Settings, now: datetime
) -> Sessions:
    """The answer to ``GET /sessions``, for somebody who asks `now`.

    Raises:
        ParameterError: a value is not allowed.
        Problem: 403, the sessions are somebody else's.
    """
    filters = restrict(caller, _filters(query.user_email, query.session_id))
    among, digest = query.range(now), asked(query, filters, "sessions")
    among = among.reaching(await reading.newest_ahead(among.to))
    place = None if query.cursor is None else SessionPlace.read(query.cursor, digest)
    known, moment = await reading.counted(cut_now(settings, now))
    as_of = moment if place is None else None
    place = place or SessionPlace(among.to, "", "", derived=False, since=among.from_, asked=digest, watermark=known)
    rows, behind = await sessions(
        reading.connection, SessionList(filters, among.to, place, with_errors=query.with_errors), query.limit, known
    )
    whose = Filters(user_email=filters.user_email)
    return Sessions(
        items=[Session(**row) for row in rows],
        next_cursor=None if behind is None else behind.token,
        watermark=WatermarkShown(as_of=as_of, cursor=place.watermark.token),
        rows_kept_from=await reading.rows_kept_from(whose, among.from_, among.to, people=True),
    )


async def session_shown(
    connection: Connection, session_id: str, query: SessionQuery, caller: Caller, settings: Settings
) -> OneSession:
    """The answer to ``GET /sessions/{session_id}``.

    Raises:
        ParameterError: a value is not allowed, or several users have a session of that id.
        Problem: 404, there is none that the caller may see; 403, it is to be somebody else's.
    """
    if "\x00" in session_id:
        raise ParameterError("session_id", session_id, "it is a text without NUL")
    filters, only = (
        restrict(caller, _filters(query.user_email, None)),
        Filters.read({"result_status": query.result_status}),
    )
    digest = asked(query, Filters(user_email=filters.user_email, session_id=session_id), "session")
    place = None if query.cursor is None else Place.read(query.cursor, digest)
    watermark, as_of = await watermark_of_rollups(connection, cut_now(settings, datetime.now(UTC)))
    found = await find(connection, session_id, filters)
    if not found:
        raise Problem(404, "No such session", f"there is no session {session_id!r} that this credential may see")
    if len(found) > 1:
        said = "several users have a session of that id: name one of them"
        raise ParameterError("user_email", query.user_email, said)
    if place is None:
        place = Place(watermark, found[0]["started_at"], found[0]["started_at"], UUID(int=0), digest)
    rows, more = await timeline(connection, found[0], place, query.limit, only)
    following = replace(place, timestamp=rows[-1]["timestamp"], event_id=rows[-1]["event_id"]) if more else None
    return OneSession(
        session=Session(**found[0]),
        items=rows,  # type: ignore[arg-type]
        next_cursor=None if following is None else following.token,
        watermark=WatermarkShown(as_of=as_of, cursor=place.watermark.token),
    )


def _filters(user_email: str | None, session_id: str | None) -> Filters:
    return Filters.read({"user_email": user_email, "session_id": session_id})
