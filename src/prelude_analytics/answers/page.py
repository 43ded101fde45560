"""A page of the list of activities."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, Field

from prelude_analytics.answers import hours
from prelude_analytics.answers.rows import FIRST_ID, LAST_ID, UNHURRIED, Scope, Wanted, portion
from prelude_analytics.answers.shapes import KEPT_FROM, WatermarkShown
from prelude_analytics.answers.uncounted import uncounted
from prelude_analytics.items import Activity, item
from prelude_analytics.sources import listed

if TYPE_CHECKING:
    from collections.abc import Collection

    from prelude_analytics.answers.uncounted import Uncounted
    from prelude_analytics.cursors import Place
    from prelude_analytics.figures.reading import Reading

__all__ = ["Activities", "activities"]

_LONG: Final = 0.015
"""Seconds from the transaction's beginning on, for which rows of one page may be compared, about."""
_LEAST: Final = 0.004
"""Seconds that rows are compared for in any case, so that every page gets on."""
_FEW: Final = 2_000
"""Rows that are compared within a few milliseconds, whatever time it is."""
_NEWEST: Final = timedelta(days=7)
"""What is looked at first, by itself, where nothing tells how far back a page goes: most do not go further, and few partitions are planned quickly."""


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
    page = _Page(reading, wanted, limit, await uncounted(reading, wanted.place.watermark))
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

    def __init__(self, reading: Reading, wanted: Wanted, limit: int, beyond: Uncounted | None) -> None:
        self._reading = reading
        self._wanted = wanted
        self._limit = limit
        self._beyond = beyond
        self._asked = False
        self._done = False
        self.rows: list[dict[str, Any]] = []
        self.place: Place | None = wanted.place

    async def fill(self) -> None:
        """Find rows: where rollups tell that some may be; else the newest few days by themselves, and then the others."""
        begin, filters = self._wanted.place, self._wanted.filters
        if filters.given.keys() == {"entity_id"}:
            kinds = None
            if self._beyond is not None:
                kinds = await hours.kinds(self._reading, begin, self._wanted.until, self._beyond)
            await self._read(begin.since, kinds=kinds)
            return
        answered = listed(filters) == filters
        told = hours.told(filters, self._beyond)
        if not told or (answered and begin.event_id == LAST_ID):
            passed = await self._read(max(begin.since, begin.timestamp - _NEWEST))
            if self._done or not passed:
                return
        if told and self._beyond is not None:
            await self._read_where_told(self._beyond, patient=answered)
        else:
            await self._read(begin.since)

    async def _read_where_told(self, beyond: Uncounted, *, patient: bool) -> None:
        wanted = self._wanted
        left = self._limit + 1 - len(self.rows)
        async for stretch in hours.stretches(self._reading, wanted.filters, wanted.place, beyond, left):
            if stretch.until < self._wanted.place.timestamp:
                self._go_to(_before(self._wanted.place, stretch.until))
            if self._late() and not patient:
                return
            passed = await self._read(stretch.since, stretch.actions, hurried=stretch.rows > _FEW)
            if self._done or not passed:
                return
        self.place = None

    async def _read(
        self,
        since: datetime,
        actions: tuple[hours.Action, ...] | None = None,
        kinds: Collection[str] | None = None,
        *,
        hurried: bool = True,
    ) -> bool:
        """What there is down to `since`, as far as there is place and time for it; whether it came there."""
        start, left = self._wanted.place, self._limit - len(self.rows)
        ended = None if self._beyond is None else self._beyond.ended
        scope = Scope(since, (_LONG, _LEAST) if hurried else UNHURRIED, actions, ended, kinds)
        self._asked = True
        found = await portion(self._reading.connection, self._wanted, left, scope)
        self.rows += found.rows
        if found.behind is not None:
            self._go_to(found.behind)
            self._done = len(self.rows) >= self._limit
        elif since == start.since:
            self.place, self._done = None, True
        else:
            self._go_to(_before(start, since))
        return found.behind is None

    def _go_to(self, place: Place) -> None:
        self.place = place
        self._wanted = self._wanted._replace(place=place)

    def _late(self) -> bool:
        """Whether rows were compared, and no more time may go by for it."""
        return self._asked and self._reading.age >= _LONG


def _before(place: Place, moment: datetime) -> Place:
    """Behind all rows of `moment` and later."""
    return replace(place, timestamp=moment, event_id=FIRST_ID)
