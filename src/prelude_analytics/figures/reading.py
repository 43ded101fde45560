"""One snapshot of the database, with what the process remembers: what answers read figures through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends
from psycopg.rows import tuple_row
from starlette.requests import HTTPConnection

from prelude_analytics import queries
from prelude_analytics.cursors import Watermark
from prelude_analytics.figures.frames import Dictionaries, Frame, frame_of, frames_of_arrays, frames_of_days
from prelude_analytics.figures.known import Known, question
from prelude_analytics.figures.memory import Memory
from prelude_analytics.figures.strip import Versions
from prelude_analytics.figures.tables import Table
from prelude_analytics.sources import (
    bounded,
    newest_ahead,
    rebuilding,
    rows_kept_from,
    watermark_of_rollups,
    watermark_of_rows,
)

if TYPE_CHECKING:
    from prelude_analytics.database import Connection, Database
    from prelude_analytics.filters import Filters
    from prelude_analytics.ranges import Range
    from prelude_analytics.sources import Counting

__all__ = ["Figures", "Reading", "Remembered"]

Found = TypeVar("Found")


@dataclass(slots=True)
class Reading:
    """One snapshot.

    Attributes:
        connection: within its transaction.
        memory: of the process.
        unhurried: inside it many statements together may take longer than a request may otherwise.
        patience: seconds that one of them may take; None: as long as it likes.
        known: what was asked as it began; the rest is asked when it is wanted.
    """

    connection: Connection
    memory: Memory = field(default_factory=Memory)
    unhurried: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    patience: float | None = None
    known: Known | None = None
    _began: float = field(default_factory=monotonic)
    _state: tuple[Watermark, datetime | None] | None = None
    _versions: Versions = field(default_factory=dict)
    _learnt: tuple[date, date] | None = None
    _found: dict[Hashable, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with what is known."""
        if self.known is not None:
            self._versions, self._learnt = self.known.versions, (self.known.first, self.known.last)

    @property
    def age(self) -> float:
        """Seconds since the transaction began, about."""
        return monotonic() - self._began

    async def counted(self, cut: datetime) -> tuple[Watermark, datetime | None]:
        """How far the rollups have counted, and when that was; `cut` becomes the watermark's."""
        if self.known is not None:
            lanes, as_of = self.known.counted
            return Watermark(lanes, cut), as_of
        if self._state is None:
            self._state = await watermark_of_rollups(self.connection, cut)
        watermark, as_of = self._state
        return Watermark(watermark.lanes, cut), as_of

    async def committed(self, cut: datetime) -> tuple[Watermark, datetime | None]:
        """All that is committed, and when that was; `cut` becomes the watermark's."""
        if self.known is None:
            return await watermark_of_rows(self.connection, cut)
        lanes, as_of = self.known.committed
        return Watermark(lanes, cut), as_of

    async def rebuilding(self) -> bool:
        """Whether rollups are being made anew."""
        if self.known is None:
            return await rebuilding(self.connection)
        return self.known.rebuilding

    async def newest_ahead(self, moment: datetime) -> datetime | None:
        """The time of the newest row, if that is dated at `moment` or later."""
        if self.known is None or self.known.moment != moment:
            return await newest_ahead(self.connection, moment)
        return self.known.newest

    async def reaching(self, counting: Counting) -> Counting:
        """The same, with what is dated ahead of now, where nobody said where the range ends; in the snapshot that the answer is read from."""
        among = counting.range
        if not among.open:
            return counting
        return replace(counting, range=among.reaching(await self.newest_ahead(among.to)))

    async def rows_kept_from(
        self, filters: Filters, since: datetime, until: datetime, *, people: bool = False
    ) -> datetime | None:
        """As `sources.rows_kept_from`."""
        known = self.known
        if known is None or known.thinned or since.date() < known.first or until.date() > known.last:
            return await rows_kept_from(self.connection, filters, since, until, people=people)
        return None

    async def frames(
        self, table: Table, grain: int, since: datetime, until: datetime
    ) -> tuple[list[Frame], Dictionaries]:
        """The rows of buckets from `since` on and before `until`, in order, and what their numbers mean."""
        versions = await self.learn(since, until)
        async with self.unhurried():
            return await self.memory.frames(table, grain, since, until, versions, self._load)

    async def rows(self, statement: Any, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """What `statement` gives."""
        async with self.connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            await cursor.execute(statement, parameters)
            return await cursor.fetchall()

    async def once(self, asked: Hashable, find: Callable[[], Awaitable[Found]]) -> Found:
        """What `find` gives; for the same `asked` it is found once, since all is of one snapshot."""
        if asked not in self._found:
            self._found[asked] = await find()
        found: Found = self._found[asked]
        return found

    async def bounded(self, counting: Counting, parameters: dict[str, Any]) -> None:
        """As `sources.bounded`, asked once for filters and a range."""
        among = (counting.filters, counting.range.from_, counting.range.to)
        await self.once(among, partial(bounded, self.connection, counting.filters, parameters))

    async def learn(self, since: datetime, until: datetime) -> Versions:
        """The versions of the days of a range, and perhaps of more."""
        first, last = since.date(), until.date()
        if self._learnt is None or not self._learnt[0] <= first <= last <= self._learnt[1]:
            low, high = self._learnt or (first, last)
            low, high = min(low, first), max(high, last)
            rows = await self.rows(queries.load("rollup_days"), {"first": low, "last": high})
            self._versions = {day: int(version) for day, version in rows}
            self._learnt = low, high
        return self._versions

    async def _load(
        self, table: Table, grain: int, days: Sequence[date], dictionaries: Dictionaries
    ) -> dict[date, Frame]:
        name, parameters = f"{table.name}_rollups", {"days": list(days), "grain": grain}
        columns = ("bucket", *table.columns)
        async with asyncio.timeout(self.patience):
            if table.sketched:
                rows = await self.rows(queries.load(name), parameters)
            else:
                gathered = ", ".join(f"array_agg({column}) AS {column}" for column in columns)
                rows = await self.rows(
                    queries.load("gathered", columns=gathered, source=queries.text(name)), parameters
                )
        made = partial(frames_of_days if table.sketched else frames_of_arrays, table, dictionaries, rows)
        found = await asyncio.to_thread(made) if len(days) > 1 else made()
        nothing = frame_of(table, dictionaries, dict.fromkeys(columns, ()))
        return {day: found.get(day, nothing) for day in days}


class Remembered:
    """Snapshots of `database`, one for each request, and the memory that they share."""

    def __init__(self, database: Database, memory: Memory) -> None:
        self._database = database
        self.memory = memory

    @asynccontextmanager
    async def read(self, among: Range) -> AsyncIterator[Reading]:
        """One snapshot, for an answer about a range; errors as `Database.read`."""
        first, asked = question(among)
        async with self._database.read_first(first, asked) as (connection, (row,)):
            unhurried = partial(self._database.unhurried, connection)
            yield Reading(connection, self.memory, unhurried, self._database.patience, Known.of(row, asked))


async def _remembered(connection: HTTPConnection) -> Remembered:
    remembered: Remembered = connection.app.state.figures
    return remembered


Figures: TypeAlias = Annotated[Remembered, Depends(_remembered)]
"""The figures, as a parameter of a route."""
