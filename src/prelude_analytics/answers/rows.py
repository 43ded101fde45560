"""Rows of the log, newest first, a page or a portion at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers.hours import stretches, told
from prelude_analytics.answers.shapes import KEPT_FROM, WatermarkShown
from prelude_analytics.cursors import Place, Watermark
from prelude_analytics.filters import Filters
from prelude_analytics.items import Activity, columns, item
from prelude_analytics.items import place as place_columns
from prelude_analytics.sources import asked_rows, fetch, listed
from prelude_otel.contract.vocabulary import ACTION_TYPES

if TYPE_CHECKING:
    from prelude_analytics.database import Connection
    from prelude_analytics.figures.reading import Reading

__all__ = ["LAST_ID", "Activities", "Bound", "Found", "Wanted", "activities", "first_place", "portion"]

LAST_ID: Final = UUID(int=2**128 - 1)
_FIRST_ID: Final = UUID(int=0)
_PORTION: Final = 5_000
"""Rows that are compared one by one in one statement, where no index answers the filters and nobody waits for a page."""
_READ: Final = 50_000
"""Rows that are compared for one page, at most."""
_LONG: Final = 0.015
"""Seconds that finding the rows of one page may take, about, where they are compared one by one."""
_FIRST: Final = 0.004
"""Seconds of them that are given to a first look, before the rollups are asked where such rows are."""
_LEAST: Final = 0.004
"""Seconds that rows are compared in any case, so that every page gets on."""
_NEWEST: Final = timedelta(days=7)
"""What is looked at first, by itself: a page of most lists is in it, and few partitions are planned quickly."""
_MOST_KINDS: Final = 100
"""Kinds of entity among which an id is looked for by index."""


class Wanted(NamedTuple):
    """A list: which rows, and behind which place."""

    filters: Filters
    until: datetime
    place: Place


class Bound(NamedTuple):
    """How many rows one statement may compare, and for how many seconds."""

    rows: int = _PORTION
    seconds: float = 3600.0


class Found(NamedTuple):
    """What one statement found.

    Attributes:
        behind: the place to go on from; None where there are no more rows.
        stopped: whether it stopped before the end because enough was compared.
    """

    rows: list[dict[str, Any]]
    behind: Place | None
    stopped: bool = False


class Activities(BaseModel):
    """A page of activities."""

    items: list[Activity] = Field(description="Newest first.")
    next_cursor: str | None = Field(description="For `cursor`: what comes behind. Null at the end.")
    searched_to: datetime | None = Field(
        description="Null unless the page has fewer items than `limit` before the end of the list: then how far back it was searched. That"
        " happens where a filter is answered by comparing rows (`q`, `tag`, a `session_id` without `user_email`, …); `next_cursor` goes on."
    )
    watermark: WatermarkShown = Field(description="The list holds what was committed by then, on every page.")
    rows_kept_from: datetime | None = KEPT_FROM


async def activities(reading: Reading, wanted: Wanted, limit: int, as_of: datetime | None) -> Activities:
    """A page of at most `limit` rows."""
    page = _Page(reading, wanted, limit)
    await page.fill()
    place, watermark = page.place, wanted.place.watermark
    kept_from = await reading.rows_kept_from(wanted.filters, wanted.place.since, wanted.until)
    return Activities(
        items=[Activity(**item(row, watermark.cut)) for row in page.rows],
        next_cursor=None if place is None else place.token,
        searched_to=place.timestamp if place is not None and len(page.rows) < limit else None,
        watermark=WatermarkShown(as_of=as_of, cursor=watermark.token),
        rows_kept_from=kept_from,
    )


class _Page:
    """Rows behind a place as they are found.

    Attributes:
        place: to go on from; None at the end of the list.
    """

    def __init__(self, reading: Reading, wanted: Wanted, limit: int) -> None:
        self._reading = reading
        self._wanted = wanted
        self._limit = limit
        self._began = asyncio.get_running_loop().time()
        self._compared = 0
        self._done = False
        self.rows: list[dict[str, Any]] = []
        self.place: Place | None = wanted.place

    async def fill(self) -> None:
        """Find rows: the newest few days by themselves, then what may hold any of the rest."""
        begin = self._wanted.place
        by_kinds = self._wanted.filters.given.keys() == {"entity_id"}
        newest = begin.since if by_kinds else max(begin.since, begin.timestamp - _NEWEST)
        more_is_known = told(self._wanted.filters)
        passed = await self._read(newest, Bound(_PORTION, _FIRST) if more_is_known else Bound(_READ, _LONG))
        if not self._done and (passed or more_is_known):
            await self._read_rest()

    async def _read_rest(self) -> None:
        place = self._wanted.place
        filters = await _typed(self._reading.connection, self._wanted)
        if filters is None:
            self.place = None
            return
        self._wanted = self._wanted._replace(filters=filters)
        if listed(filters) == filters:
            await self._read(place.since, Bound())
            return
        left = max(self._left(), _LEAST)
        async for stretch in stretches(self._reading, filters, place):
            if stretch.until < self._wanted.place.timestamp:
                self._go_to(_before(place, stretch.until))
            if self._compared >= _READ or left <= 0:
                return
            passed = await self._read(stretch.since, Bound(_READ - self._compared, left))
            if self._done or not passed:
                return
            self._compared += stretch.rows
            left = self._left()
        self.place = None

    async def _read(self, since: datetime, bound: Bound) -> bool:
        """What there is down to `since`, within a bound, as far as there is place for it; whether it came there."""
        start = self._wanted.place
        left = self._limit - len(self.rows)
        rows, behind, stopped = await portion(self._reading.connection, self._wanted, left, since, bound)
        self.rows += rows
        self._compared += bound.rows if stopped else 0
        if behind is not None:
            self._go_to(behind)
            self._done = len(self.rows) >= self._limit
        elif since == start.since:
            self.place, self._done = None, True
        else:
            self._go_to(_before(start, since))
        return behind is None

    def _go_to(self, place: Place) -> None:
        self.place = place
        self._wanted = self._wanted._replace(place=place)

    def _left(self) -> float:
        """Seconds that may still go by for this page."""
        return self._began + _LONG - asyncio.get_running_loop().time()


_UNHURRIED: Final = Bound()


async def portion(
    connection: Connection, wanted: Wanted, limit: int, since: datetime | None = None, bound: Bound = _UNHURRIED
) -> Found:
    """The next rows, `limit` at most, and the place to go on from.

    There may be fewer before the end: where no index answers all filters, only so many rows are compared.

    Args:
        since: no rows from before it; None: all of the list.
        bound: of comparing.
    """
    place, by_index = wanted.place, listed(wanted.filters)
    condition, parameters = asked_rows(wanted.filters)
    parameters |= place.watermark.parameters() | {
        "since": since or place.since,
        "until": wanted.until,
        "at": place.timestamp,
        "id": place.event_id,
        "limit": limit + 1,
        "portion": bound.rows,
        "seconds": bound.seconds,
    }
    if wanted.filters.given.keys() == {"entity_id"}:
        among = {"since": place.since, "until": wanted.until, "most": _MOST_KINDS}
        kinds = [row["kind"] for row in await fetch(connection, queries.load("entity_types"), among)]
        if len(kinds) < _MOST_KINDS:
            statement = queries.load("rows_of_kinds", columns=columns(), conditions=condition)
            rows = await fetch(connection, statement, parameters | {"kinds": kinds})
            return _cut(rows, limit, place)
    if by_index == wanted.filters:
        statement = queries.load("rows", columns=columns(), conditions=condition)
        return _cut(await fetch(connection, statement, parameters), limit, place)
    fragments = {"columns": columns(), "conditions": condition, "place": place_columns()}
    statement = queries.load("compared_rows", indexed=by_index.where("log")[0], **fragments)
    return _compared(await fetch(connection, statement, parameters), limit, place)


def first_place(watermark: Watermark, since: datetime, until: datetime, asked: str) -> Place:
    """Before all rows."""
    return Place(watermark, since, until, LAST_ID, asked)


async def _typed(connection: Connection, wanted: Wanted) -> Filters | None:
    """The filters with the type of an action that is asked for by its name alone, so that an index answers; None: there is no such row."""
    filters, place = wanted.filters, wanted.place
    if filters.action_name is None or filters.action_type is not None or listed(filters) != Filters():
        return filters
    parameters = {"types": sorted(ACTION_TYPES), "since": place.since, "at": place.timestamp}
    parameters["filter_action_name"] = filters.action_name
    types = [row["type"] for row in await fetch(connection, queries.load("types_of_action"), parameters)]
    if not types:
        return None
    return replace(filters, action_type=types[0]) if len(types) == 1 else filters


def _cut(rows: list[dict[str, Any]], limit: int, place: Place) -> Found:
    """The rows, of which there may be one more than `limit`."""
    if len(rows) <= limit:
        return Found(rows, None)
    return Found(rows[:limit], _behind(place, rows[limit - 1]) if limit else place)


def _compared(rows: list[dict[str, Any]], limit: int, place: Place) -> Found:
    """The rows that fit, up to the first stop, or up to one more than `limit`."""
    fitting: list[dict[str, Any]] = []
    for row in rows:
        if row["fits"]:
            fitting.append(row)
        if len(fitting) > limit:
            break
        if row["stop"]:
            return Found(fitting, _behind(place, row), stopped=True)
    return _cut(fitting, limit, place)


def _behind(place: Place, row: dict[str, Any]) -> Place:
    return replace(place, timestamp=row["timestamp"], event_id=row["event_id"])


def _before(place: Place, moment: datetime) -> Place:
    """Behind all rows of `moment` and later."""
    return replace(place, timestamp=moment, event_id=_FIRST_ID)
