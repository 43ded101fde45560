"""The days of one table and grain that are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

from prelude_analytics.figures.frames import Frame

__all__ = ["Strip", "Versions"]

Versions: TypeAlias = Mapping[date, int]
"""Of the days that have rollups, in one snapshot."""


class Strip:
    """Days, each in one version. Whoever reads days into it holds `lock`.

    Attributes:
        size: bytes.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.size = 0
        self._days: dict[date, tuple[int, Frame]] = {}
        self._newest = date.min
        self._joined: Frame | None = None

    def version(self, day: date) -> int:
        """The version in which `day` is here; -1 where it is not."""
        return self._days[day][0] if day in self._days else -1

    def put(self, day: date, version: int, frame: Frame) -> None:
        """Remember a day, in place of any version of it."""
        if day in self._days:
            self.size -= self._days[day][1].size
        self._days[day] = (version, frame)
        self.size += frame.size
        if day != self._newest and self._joined is not None:
            self.size -= self._joined.size
            self._joined = None
        self._newest = max(self._newest, day)

    def view(self, wanted: Versions, first: date, last: date, own: Mapping[date, Frame]) -> list[Frame]:
        """What a snapshot has of the days from `first` to `last`, and perhaps more days, in order.

        Args:
            wanted: all days that it has among these; each is in `own`, or here in that version.
            own: days that are here in a newer version.
        """
        if not wanted:
            return []
        if own or any(first <= day <= last and day not in wanted for day in self._days):
            return [own[day] if day in own else self._days[day][1] for day in sorted(wanted)]
        if self._joined is None and len(self._days) > 1:
            self._joined = Frame.joined([self._days[day][1] for day in sorted(self._days) if day != self._newest])
            self.size += self._joined.size
        return [frame for frame in (self._joined, self._days[self._newest][1]) if frame is not None]
