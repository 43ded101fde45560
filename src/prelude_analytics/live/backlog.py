"""What came longer ago than the ring goes back, from the database: for clients who come back late, one portion at a time."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg

from prelude_analytics.live import refusals
from prelude_analytics.live.feed import Feed, open_feed
from prelude_otel.errors import StoreError

if TYPE_CHECKING:
    from prelude_analytics.live.frames import Tick
    from prelude_analytics.live.ring import Ring
    from prelude_store.tail import Cursor

__all__ = ["Backlog"]


class Backlog:
    """One connection for all who come back late: they take turns, and the reader of what commits is not held up.

    Args:
        conninfo: a login in ``prelude_reader``.
        pending_timeout: a pending row older than this reads as timeout.
    """

    def __init__(self, conninfo: str, pending_timeout: timedelta) -> None:
        self._conninfo = conninfo
        self._pending_timeout = pending_timeout
        self._turn = asyncio.Lock()
        self._open = AsyncExitStack()
        self._feed: Feed | None = None

    async def tick(self, cursor: Cursor, ring: Ring) -> Tick:
        """What comes behind `cursor`, up to the end of `ring`, a portion of it.

        Raises:
            RefusedError: the database is away.
        """
        async with self._turn:
            while True:
                kept = self._feed is not None
                try:
                    return await self._read(cursor, ring)
                except (StoreError, psycopg.Error, OSError):
                    await self.close()
                    if not kept:
                        raise refusals.away() from None
                    # What was kept may have died while nobody used it, in a restart of the database: once more, by another.
                except BaseException:  # cancelled in the middle of an answer
                    await self.close()
                    raise

    async def _read(self, cursor: Cursor, ring: Ring) -> Tick:
        if self._feed is None:
            self._feed = await self._open.enter_async_context(open_feed(self._conninfo, self._pending_timeout))
        return await self._feed.tick(cursor, ring.position, ring.row)

    async def close(self) -> None:
        """Let the connection go; the next one who comes back late opens another."""
        self._feed = None
        await self._open.aclose()
