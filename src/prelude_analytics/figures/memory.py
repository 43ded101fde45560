"""What one process remembers of the rollups: strips of days, one for each table and grain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeAlias

from prelude_analytics.figures.frames import Dictionaries, Frame
from prelude_analytics.figures.strip import Strip, Versions
from prelude_analytics.figures.tables import Table
from prelude_analytics.figures.words import Words

__all__ = ["Load", "Memory", "new_dictionaries"]

Load: TypeAlias = Callable[[Table, int, Sequence[date], Dictionaries], Awaitable[Mapping[date, Frame]]]
"""Reads days of a table and grain; gives a frame for each."""

_WORD: Final = 200
"""Bytes that a text takes, about."""
_PORTION: Final = 10
"""Days that one statement reads."""
_MIB: Final = 1024 * 1024


class Memory:
    """Frames by table, grain and day, within a bound; tables that were not asked for longest go first.

    Args:
        limit: bytes, about. One question may go beyond it while it lasts.
    """

    def __init__(self, limit: int = 512 * _MIB) -> None:
        self._limit = limit
        self._strips: dict[tuple[Table, int], Strip] = {}
        self._dictionaries: dict[Table, Dictionaries] = {}

    @property
    def size(self) -> int:
        """Bytes in use, about."""
        words = sum(len(words) for known in self._dictionaries.values() for words in known.values())
        return sum(strip.size for strip in self._strips.values()) + words * _WORD

    async def frames(
        self, table: Table, grain: int, since: datetime, until: datetime, versions: Versions, load: Load
    ) -> tuple[list[Frame], Dictionaries]:
        """The rows of buckets from `since` on and before `until`, in order, and what their numbers mean.

        Args:
            versions: of the days of the asker's snapshot, of all the range at least.
            load: reads in the asker's snapshot.
        """
        first, last = since.date(), until.date()
        wanted = {day: version for day, version in versions.items() if first <= day <= last}
        strip = self._strips.pop((table, grain), None) or Strip()
        self._strips[table, grain] = strip  # the last one in the order of use
        dictionaries = self._dictionaries.setdefault(table, new_dictionaries(table))
        own: dict[date, Frame] = {}
        if any(strip.version(day) != version for day, version in wanted.items()):
            async with strip.lock:
                own = await _read(table, grain, strip, wanted, load, dictionaries)
        bounds = int(since.timestamp()), int(until.timestamp())
        found = [frame.between(*bounds) for frame in strip.view(wanted, first, last, own)]
        self._forget(besides=table)
        return [frame for frame in found if len(frame)], dictionaries

    def _forget(self, besides: Table) -> None:
        while self.size > self._limit:
            table = next((table for table, _ in self._strips if table != besides), None)
            if table is None:
                return
            for known in [known for known in self._strips if known[0] == table]:
                del self._strips[known]
            del self._dictionaries[table]


def new_dictionaries(table: Table) -> Dictionaries:
    """Of a table of which nothing is known yet."""
    return {name: Words() for name in (*(("key",) if table.keys else ()), *table.names)}


async def _read(
    table: Table, grain: int, strip: Strip, wanted: Versions, load: Load, dictionaries: Dictionaries
) -> dict[date, Frame]:
    """Bring `strip` up to date, the newest days first; gives the days of which it has newer versions than are wanted."""
    own: dict[date, Frame] = {}
    missing = sorted((day for day, version in wanted.items() if strip.version(day) != version), reverse=True)
    for start in range(0, len(missing), _PORTION):
        portion = missing[start : start + _PORTION]
        found = await load(table, grain, portion, dictionaries)
        for day in portion:
            if strip.version(day) > wanted[day]:
                own[day] = found[day]
            else:
                strip.put(day, wanted[day], found[day])
    return own
