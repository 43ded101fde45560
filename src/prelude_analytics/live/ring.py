"""What was committed lately, for those who come back after a moment."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prelude_analytics.live.frames import Tick

if TYPE_CHECKING:
    from prelude_analytics.live.entry import Entry
    from prelude_store.tail import Cursor

__all__ = ["RING_BYTES", "RING_ENTRIES", "Ring", "distance", "reaches"]

RING_ENTRIES: Final = 10_000
RING_BYTES: Final = 24 * 1024 * 1024


def reaches(cursor: Cursor, other: Cursor) -> bool:
    """Whether `cursor` stands at `other` or behind it, in every lane."""
    return all(cursor.get(lane, 0) >= seq for lane, seq in other.items())


def distance(cursor: Cursor, other: Cursor) -> int:
    """How many numbers lie behind `cursor`, up to `other`."""
    return sum(max(0, seq - cursor.get(lane, 0)) for lane, seq in other.items())


class Ring:
    """The newest ticks, without a gap between them.

    Attributes:
        position: cursor behind the newest.
    """

    def __init__(self, position: Cursor, *, entries: int = RING_ENTRIES, size: int = RING_BYTES) -> None:
        self.position = position
        self._floor = position
        self._most = entries, size
        self._ticks: deque[Tick] = deque()
        self._entries = 0
        self._size = 0
        self._rows: dict[str, Entry] = {}

    def add(self, tick: Tick) -> None:
        """Keep `tick`, which begins where the last one ended, and let the oldest go."""
        self._ticks.append(tick)
        self._entries += len(tick.entries)
        self._size += tick.size
        self._rows.update({entry.event_id: entry for entry in tick.entries if not entry.amends})
        self.position = tick.after
        most_entries, most_size = self._most
        while len(self._ticks) > 1 and (self._entries > most_entries or self._size > most_size):
            self._drop_oldest()

    def row(self, event_id: str) -> Entry | None:
        """The entry of that row, if it is here."""
        return self._rows.get(event_id)

    def covers(self, cursor: Cursor) -> bool:
        """Whether all that was committed behind `cursor` is here."""
        return reaches(cursor, self._floor)

    def behind(self, cursor: Cursor) -> Tick:
        """The oldest tick that has anything behind `cursor`, and of it that part; an empty one where `cursor` has come to the end."""
        for tick in self._ticks:
            if not reaches(cursor, tick.after):
                if cursor == tick.before:
                    return tick
                entries = [entry for entry in tick.entries if entry.seq > cursor.get(entry.lane, 0)]
                return Tick(entries, cursor, {**cursor, **_higher(tick.after, cursor)}, tick.cut)
        return Tick([], cursor, cursor, datetime.now(UTC))

    def _drop_oldest(self) -> None:
        gone = self._ticks.popleft()
        self._entries -= len(gone.entries)
        self._size -= gone.size
        self._floor = gone.after
        for entry in gone.entries:
            if self._rows.get(entry.event_id) is entry:
                del self._rows[entry.event_id]


def _higher(cursor: Cursor, than: Cursor) -> Cursor:
    return {lane: seq for lane, seq in cursor.items() if seq > than.get(lane, 0)}
