"""The middle of the feed: one reader of the lanes, and all who listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import CollectorRegistry

from prelude_analytics.cursors import Watermark
from prelude_analytics.live import refusals
from prelude_analytics.live.admission import Admission
from prelude_analytics.live.audience import Audience
from prelude_analytics.live.backlog import Backlog
from prelude_analytics.live.frames import heartbeat
from prelude_analytics.live.metrics import LiveMetrics
from prelude_analytics.live.ring import Ring, distance, reaches
from prelude_analytics.live.settings import LiveSettings
from prelude_analytics.live.tailing import Tailing
from prelude_analytics.statuses import cut_at

if TYPE_CHECKING:
    from prelude_analytics.filters import Filters
    from prelude_analytics.live.frames import Frame, Tick
    from prelude_analytics.live.subscriber import Subscriber
    from prelude_store.tail import Cursor

__all__ = ["Hub"]

_SWEEP: Final = 1.0
"""Seconds between two looks at who is silent, stuck, or no longer let in."""


class Listener(Protocol):
    """One who listens, as the hub sees it."""

    def end(self, code: int, reason: str) -> None:
        """Close at once."""

    def look(self, beat: Frame | None) -> None:
        """Once a second; `beat` is for who has heard nothing for long."""


class Hub:
    """Hands out what commits.

    Args:
        conninfo: a login in ``prelude_reader``.
        metrics: told of all that happens; by default nobody sees them.

    Attributes:
        admission: who asks it for a seat, before a socket is accepted, keeps to the limits.
    """

    def __init__(self, conninfo: str, settings: LiveSettings | None = None, metrics: LiveMetrics | None = None) -> None:
        self.settings = settings or LiveSettings()
        self.metrics = metrics or LiveMetrics(CollectorRegistry())
        self.admission = Admission(self.settings.sockets, self.settings.sockets_of_token, self.metrics)
        self.audience = Audience()
        self._sessions: set[Listener] = set()
        self._tailing = Tailing(conninfo, self.settings, self.audience.publish, self._restart)
        self._backlog = Backlog(conninfo, self.settings.pending_timeout)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read and hand out inside; at the end everybody is told to come back."""
        tasks = [asyncio.create_task(self._tailing.run()), asyncio.create_task(self._sweep())]
        try:
            yield
        finally:
            self._restart()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._backlog.close()

    def __len__(self) -> int:
        return len(self._sessions)

    def enter(self, session: Listener) -> None:
        """`session` listens."""
        self._sessions.add(session)
        self._tailing.want(True)

    def leave(self, session: Listener, code: int) -> None:
        """`session` does not listen any more; its socket closed with `code`."""
        self._sessions.discard(session)
        self.metrics.closed(code)
        if not self._sessions:
            self._tailing.want(False)

    async def place(self, cursor: Cursor | None) -> Cursor:
        """Where a client begins: at `cursor`, or at the end.

        Raises:
            RefusedError: `cursor` can't be resumed, or the database is away.
        """
        ring = await self._ring()
        if cursor is None:
            return ring.position
        try:
            async with asyncio.timeout(self.settings.patience):
                while not reaches(ring.position, cursor):  # another process was ahead of this one
                    await asyncio.sleep(self.settings.poll)
                    ring = await self._ring()
        except TimeoutError:
            raise refusals.ahead() from None
        behind = distance(cursor, ring.position)
        if behind > self.settings.behind:
            raise refusals.too_old(behind, self.settings.behind)
        return cursor

    @property
    def token(self) -> str:
        """Cursor behind all that has been handed out."""
        ring = self._tailing.ring
        cut = cut_at(datetime.now(UTC), self.settings.pending_timeout)
        return Watermark({} if ring is None else ring.position, cut).token

    def at_end(self, position: Cursor) -> bool:
        """Whether nothing has been handed out that comes behind `position`."""
        ring = self._tailing.ring
        return ring is not None and reaches(position, ring.position)

    def attach(self, filters: Filters, subscriber: Subscriber, position: Cursor) -> bool:
        """Hand `subscriber` all that comes behind `position`, if that is the end; it is told so by a heartbeat."""
        if not self.at_end(position):
            return False
        subscriber.go_on(self.token)
        subscriber.offer(heartbeat(subscriber.cursor, self._tailing.as_of))
        self.audience.add(filters, subscriber)
        return True

    def detach(self, filters: Filters, subscriber: Subscriber) -> None:
        """Nothing more for `subscriber`."""
        self.audience.remove(filters, subscriber)

    def recent(self, position: Cursor) -> Tick | None:
        """What comes behind `position`, some of it, if it came lately; an empty tick at the end."""
        ring = self._tailing.ring
        return ring.behind(position) if ring is not None and ring.covers(position) else None

    async def behind(self, position: Cursor) -> Tick:
        """What comes behind `position`, some of it, however long ago it came.

        Raises:
            RefusedError: the database is away.
        """
        ring = await self._ring()
        return self.recent(position) or await self._backlog.tick(position, ring)

    async def _ring(self) -> Ring:
        try:
            async with asyncio.timeout(self.settings.patience):
                while (ring := self._tailing.ring) is None or not self._tailing.ready.is_set():
                    await self._tailing.ready.wait()
        except TimeoutError:
            raise refusals.away() from None
        return ring

    def _restart(self) -> None:
        for session in list(self._sessions):
            session.end(refusals.RESTART, "the feed begins anew; connect again with your cursor")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            beat = None if self._tailing.ring is None else heartbeat(self.token, self._tailing.as_of)
            for session in list(self._sessions):
                session.look(beat)
