"""Sessions, and what was done in one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
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
from prelude_analytics.filters import Filters
from prelude_analytics.parameters import ParameterError
from prelude_analytics.problems import Problem
from prelude_analytics.ranges import RangeQuery
from prelude_analytics.sources import watermark_of_rollups

__all__ = ["router"]

router = APIRouter(tags=["sessions"])


class SessionsQuery(RangeQuery, CursorQuery):
    """Parameters of a list of sessions."""

    user_email: str | None = Field(None, description="Whose sessions.")
    session_id: str | None = Field(
        None, description="Sessions with this id; clients choose ids, so several users may have one."
    )


class SessionQuery(CursorQuery):
    """Parameters of one session."""

    user_email: str | None = Field(None, description="Whose session; needed where several users have one of that id.")


@router.get("/sessions")
async def get_sessions(
    query: Annotated[SessionsQuery, Query()], caller: Calls, database: Reads, request: Request
) -> Sessions:
    """Sessions that began in the range, the last first."""
    now = datetime.now(UTC)
    filters = restrict(caller, _filters(query.user_email, query.session_id))
    among, digest = query.range(now), asked(query, filters)
    if query.cursor is None:
        place = SessionPlace(among.to, "", "", derived=False, since=among.from_, asked=digest)
    else:
        place = SessionPlace.read(query.cursor, digest)
    async with database.read() as connection:
        watermark, as_of = await watermark_of_rollups(connection, cut_now(request.app.state.settings, now))
        rows, behind = await sessions(connection, SessionList(filters, among.to, place), query.limit)
    return Sessions(
        items=[Session(**row) for row in rows],
        next_cursor=None if behind is None else behind.token,
        watermark=WatermarkShown(as_of=as_of, cursor=watermark.token),
    )


@router.get("/sessions/{session_id}")
async def get_session(
    session_id: Annotated[str, Path(description="The session's id.", max_length=2000)],
    query: Annotated[SessionQuery, Query()],
    caller: Calls,
    database: Reads,
    request: Request,
) -> OneSession:
    """One session: its summary, and what was done in it in order of time."""
    if "\x00" in session_id:
        raise ParameterError("session_id", session_id, "it is a text without NUL")
    filters = restrict(caller, _filters(query.user_email, None))
    digest = asked(query, Filters(user_email=filters.user_email, session_id=session_id))
    place = None if query.cursor is None else Place.read(query.cursor, digest)
    async with database.read() as connection:
        watermark, as_of = await watermark_of_rollups(
            connection, cut_now(request.app.state.settings, datetime.now(UTC))
        )
        found = await find(connection, session_id, filters)
        if not found:
            raise Problem(404, "No such session", f"there is no session {session_id!r} that this credential may see")
        if len(found) > 1:
            said = "several users have a session of that id: name one of them"
            raise ParameterError("user_email", query.user_email, said)
        if place is None:
            place = Place(watermark, found[0]["started_at"], found[0]["started_at"], UUID(int=0), digest)
        behind = (place.timestamp, place.event_id)
        rows, more = await timeline(connection, found[0], place.watermark, behind, query.limit)
    following = (
        Place(place.watermark, place.since, rows[-1]["timestamp"], rows[-1]["event_id"], digest) if more else None
    )
    return OneSession(
        session=Session(**found[0]),
        items=rows,  # type: ignore[arg-type]
        next_cursor=None if following is None else following.token,
        watermark=WatermarkShown(as_of=as_of, cursor=place.watermark.token),
    )


def _filters(user_email: str | None, session_id: str | None) -> Filters:
    return Filters.read({"user_email": user_email, "session_id": session_id})
