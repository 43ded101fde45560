"""The lanes, read for a feed: changes become entries, and an amendment finds its row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from prelude_analytics.live.entry import Entry, amendment_entry, row_entry
from prelude_analytics.live.frames import Tick
from prelude_analytics.statuses import cut_at
from prelude_store import following

if TYPE_CHECKING:
    from prelude_store.tail import Change, Cursor

__all__ = ["Feed", "open_feed"]

_ANSWER: Final = 10.0
"""Seconds for an answer; beyond the statement timeout, the server hangs."""

KnownRow = Callable[[str], Entry | None]


@asynccontextmanager
async def open_feed(conninfo: str, pending_timeout: timedelta, *, size: int = following.BYTES) -> AsyncIterator[Feed]:
    """A connection of its own.

    Args:
        size: bytes of a tick at most, nearly, and one row of each lane beyond.

    Raises:
        StoreUnavailableError: the database can't be reached, or refuses.
    """
    connection = await following.connect_reader(conninfo, "prelude-live")
    try:
        yield Feed(connection, pending_timeout, size)
    finally:
        await connection.close()


class Feed:
    """Reads lanes; used by one task at a time.

    Every method raises ``psycopg.Error`` or `TimeoutError` where the database is away; then the connection is of no more use.
    """

    def __init__(self, connection: following.AsyncConnection, pending_timeout: timedelta, size: int) -> None:
        self._connection = connection
        self._size = size
        self._pending_timeout = pending_timeout
        self._portion = following.PORTION

    async def newest(self) -> Cursor:
        """A cursor behind all that is committed."""
        async with asyncio.timeout(_ANSWER):
            return await following.last_numbers(self._connection)

    async def tick(self, cursor: Cursor, until: Cursor, known: KnownRow) -> Tick:
        """What comes behind `cursor`: at most a portion of each lane, and no more than fits in little memory.

        Args:
            cursor: in the order of commits.
            until: what `newest` gave.
            known: finds the entry of a row that was read already.
        """
        cut = cut_at(datetime.now(UTC), self._pending_timeout)
        async with asyncio.timeout(_ANSWER):
            changes, after, cut_short = await following.read(self._connection, cursor, until, self._portion, self._size)
            self._portion = self._next_portion(changes, cut_short=cut_short)
            ages = [change.values.pop("age") for change in changes if change.kind == "row"]
            born = asyncio.get_running_loop().time() - max(ages) if ages else None
            entries = {
                place: row_entry(change.lane, change.lane_seq, change.values, cut)
                for place, change in enumerate(changes)
                if change.kind == "row"
            }
            if len(entries) < len(changes):
                after = after | await self._amend(changes, entries, cut, known)
        return Tick([entries[place] for place in sorted(entries)], cursor, after, cut, born)

    def _next_portion(self, changes: list[Change], *, cut_short: bool) -> int:
        """Numbers of each lane to read at once the next time: the database reads them all, however few it gives."""
        if not cut_short:
            return min(2 * self._portion, following.PORTION)
        return max(Counter(change.lane for change in changes).values())

    async def _amend(self, changes: list[Change], entries: dict[int, Entry], cut: datetime, known: KnownRow) -> Cursor:
        """Add the amendments among `changes` to `entries`: those of rows that nobody has read lately are looked up.

        Returns:
            Where lanes end whose further amendments belong to rows that are too large for one tick; their entries are taken out.
        """
        here = {entry.event_id: entry for entry in entries.values()}
        amended: dict[str, Entry | None] = {}
        wanted = {}
        for place, change in enumerate(changes):
            if place not in entries:
                event_id = change.values["event_id"]
                amended[event_id] = here.get(event_id) or known(event_id)
                if amended[event_id] is None:
                    wanted[event_id] = change.values["timestamp"]
        ends: Cursor = {}
        if wanted:
            keys = [(at, event_id) for event_id, at in wanted.items()]
            found, looked_up = await following.rows_by_key(self._connection, keys, self._size)
            amended |= {event_id: row_entry(0, 0, values, cut) for event_id, values in found.items()}
            later = {event_id for _, event_id in keys[looked_up:]}
            for place, change in enumerate(changes):
                if place not in entries and change.values["event_id"] in later:
                    ends.setdefault(change.lane, change.lane_seq - 1)
        for place, change in enumerate(changes):
            if change.lane_seq > ends.get(change.lane, change.lane_seq):
                entries.pop(place, None)
            elif place not in entries:
                entry = amended[change.values["event_id"]]
                entries[place] = amendment_entry(change.lane, change.lane_seq, change.values, entry)
        return ends
