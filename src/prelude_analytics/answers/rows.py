"""Rows of the log, newest first, a page or a portion at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import WatermarkShown
from prelude_analytics.cursors import Place, Watermark
from prelude_analytics.items import Activity, columns, item
from prelude_analytics.sources import asked_rows, fetch, indexed

if TYPE_CHECKING:
    from prelude_analytics.database import Connection
    from prelude_analytics.filters import Filters

__all__ = ["LAST_ID", "Activities", "Wanted", "activities", "first_place", "portion"]

LAST_ID: Final = UUID(int=2**128 - 1)
_PORTION: Final = 5_000
"""Rows that are compared one by one in one statement, where no index answers the filters."""
_READ: Final = 50_000
"""Rows that are compared for one page."""
_MOST_KINDS: Final = 100
"""Kinds of entity among which an id is looked for by index."""


class Wanted(NamedTuple):
    """A list: which rows, and behind which place."""

    filters: Filters
    until: datetime
    place: Place


class Activities(BaseModel):
    """A page of activities."""

    items: list[Activity] = Field(description="Newest first.")
    next_cursor: str | None = Field(description="For `cursor`: what comes behind. Null at the end.")
    searched_to: datetime | None = Field(
        description="Null unless the page has fewer items than `limit` before the end of the list: then how far back it was searched. That"
        " happens where a filter is answered by comparing rows (`q`, `tag`, a `session_id` without `user_email`, …); `next_cursor` goes on."
    )
    watermark: WatermarkShown = Field(description="The list holds what was committed by then, on every page.")


async def activities(connection: Connection, wanted: Wanted, limit: int, as_of: datetime | None) -> Activities:
    """A page of at most `limit` rows."""
    found: list[dict[str, Any]] = []
    place: Place | None = wanted.place
    read = 0
    while place is not None and len(found) < limit and read < _READ:
        rows, place = await portion(connection, wanted._replace(place=place), limit - len(found))
        found += rows
        read += _PORTION
    watermark = wanted.place.watermark
    return Activities(
        items=[Activity(**item(row, watermark.cut)) for row in found],
        next_cursor=None if place is None else place.token,
        searched_to=place.timestamp if place is not None and len(found) < limit else None,
        watermark=WatermarkShown(as_of=as_of, cursor=watermark.token),
    )


async def portion(connection: Connection, wanted: Wanted, limit: int) -> tuple[list[dict[str, Any]], Place | None]:
    """The next rows, `limit` at most, and the place to go on from; None at the end.

    There may be fewer before the end: where no index answers all filters, only so many rows are compared.
    """
    place, by_index = wanted.place, indexed(wanted.filters)
    condition, parameters = asked_rows(wanted.filters)
    parameters |= place.watermark.parameters() | {
        "since": place.since,
        "until": wanted.until,
        "at": place.timestamp,
        "id": place.event_id,
        "limit": limit + 1,
        "portion": _PORTION,
    }
    if wanted.filters.given.keys() == {"entity_id"}:
        among = {"since": place.since, "until": wanted.until, "most": _MOST_KINDS}
        kinds = [row["kind"] for row in await fetch(connection, queries.load("entity_types"), among)]
        if len(kinds) < _MOST_KINDS:
            statement = queries.load("rows_of_kinds", columns=columns(), conditions=condition)
            rows = await fetch(connection, statement, parameters | {"kinds": kinds})
            return rows[:limit], _behind(place, rows[limit - 1]) if len(rows) > limit else None
    stop: dict[str, Any] | None = None
    if by_index != wanted.filters:
        searched = queries.load("portion", indexed=by_index.where("log")[0])
        stop = next(iter(await fetch(connection, searched, parameters)), None)
    parameters |= {"stop_at": stop and stop["timestamp"], "stop_id": stop and stop["event_id"]}
    rows = await fetch(connection, queries.load("rows", columns=columns(), conditions=condition), parameters)
    if len(rows) > limit:
        del rows[limit:]
        return rows, _behind(place, rows[-1])
    return rows, None if stop is None else _behind(place, stop)


def first_place(watermark: Watermark, since: datetime, until: datetime, asked: str) -> Place:
    """Before all rows."""
    return Place(watermark, since, until, LAST_ID, asked)


def _behind(place: Place, row: dict[str, Any]) -> Place:
    return replace(place, timestamp=row["timestamp"], event_id=row["event_id"])
