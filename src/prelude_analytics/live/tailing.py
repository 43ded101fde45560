"""The one reader of the lanes in this process: while anybody listens, it looks every 100 ms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import psycopg

from prelude_analytics.live.feed import Feed, open_feed
from prelude_analytics.live.ring import Ring, distance, reaches
from prelude_otel.errors import StoreError
from prelude_store.connection import said

if TYPE_CHECKING:
    from prelude_analytics.live.frames import Tick
    from prelude_analytics.live.settings import LiveSettings
    from prelude_store.tail import Cursor

__all__ = ["Tailing"]

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_PREFILL: Final = 5_000
"""Entries that are read anew when somebody comes: after a restart all come back at once, with cursors of a moment ago."""

_LEAP: Final = 500_000
"""Numbers that are not read one by one any more, after an absence of the database."""

_log = logging.getLogger(__name__)


class Tailing:
    """Reads lanes into a ring.

    Args:
        conninfo: a login in ``prelude_reader``.
        publish: gets each tick, just after the ring has got it.
        restart: is called when the ring begins anew elsewhere, so that nobody who listens goes on over the gap.

    Attributes:
        ring: None while nobody has listened for a while.
        as_of: all that was committed before it has been published.
        ready: set while the database answers, and the ring has come to the end of the lanes.
    """

    def __init__(
        self, conninfo: str, settings: LiveSettings, publish: Callable[[Tick], None], restart: Callable[[], None]
    ) -> None:
        self._conninfo = conninfo
        self._settings = settings
        self._publish = publish
        self._restart = restart
        self._wanted = asyncio.Event()
        self._unwanted_since = 0.0
        self.ring: Ring | None = None
        self.as_of = datetime.now(UTC)
        self.ready = asyncio.Event()

    def want(self, wanted: bool) -> None:
        """Whether anybody listens."""
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()
            self._unwanted_since = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Read until cancelled, whatever becomes of the database."""
        pause = _FIRST_PAUSE
        while True:
            if not self._wanted.is_set():
                self.ring = None  # who comes next wants what commits from then on, not what came meanwhile
                await self._wanted.wait()
            try:
                async with open_feed(self._conninfo, self._settings.pending_timeout) as feed:
                    await self._follow(feed)
                continue
            except (StoreError, psycopg.Error, OSError) as error:
                reason = said(error) if isinstance(error, psycopg.Error) else str(error) or "no answer"
                _log.warning("the live feed reads no rows: %s; it tries again", reason)
            except Exception:  # noqa: BLE001 (a fault of ours ends no feed for good)
                _log.exception("the live feed reads no rows, by a fault of ours; it tries again")
            if self.ready.is_set():
                self.ready.clear()  # who comes now waits for the database; who is here keeps the ring
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _follow(self, feed: Feed) -> None:
        """Read until nobody has listened for a while."""
        loop = asyncio.get_running_loop()
        while self._wanted.is_set() or loop.time() - self._unwanted_since < self._settings.rest:
            asked = datetime.now(UTC)
            newest = await feed.newest()
            ring = self._ring_up_to(newest)
            while not reaches(ring.position, newest):
                tick = await feed.tick(ring.position, newest, ring.row)
                ring.add(tick)
                self._publish(tick)
            self.as_of = asked
            self.ready.set()
            await asyncio.sleep(self._settings.poll - loop.time() % self._settings.poll)
        self.ready.clear()
        self.ring = None

    def _ring_up_to(self, newest: Cursor) -> Ring:
        ring = self.ring
        if ring is not None:
            if reaches(newest, ring.position) and distance(ring.position, newest) <= _LEAP:
                return ring
            _log.warning("the live feed begins anew: the log was restored, or has run far ahead")
            self._restart()
        share = min(_PREFILL, self._settings.ring_entries) // max(len(newest), 1)
        self.ring = Ring(
            {lane: max(0, seq - share) for lane, seq in newest.items()},
            entries=self._settings.ring_entries,
            size=self._settings.ring_bytes,
        )
        return self.ring
