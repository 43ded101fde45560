"""One client from its acceptance to its end: caught up, then handed what commits, told what it missed, closed when it must be."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prelude_analytics.cursors import Watermark
from prelude_analytics.live import refusals
from prelude_analytics.live.condition import Condition
from prelude_analytics.live.frames import Frame, frames, missed, refusal
from prelude_analytics.live.line import ClosedError, Line
from prelude_analytics.live.refusals import RefusedError
from prelude_analytics.live.subscriber import Subscriber

if TYPE_CHECKING:
    from prelude_analytics.filters import Filters
    from prelude_analytics.live.frames import Tick
    from prelude_analytics.live.hub import Hub
    from prelude_store.tail import Cursor

__all__ = ["Session"]

_ABNORMAL: Final = 1006
"""RFC 6455, 7.4.1: closed without a close frame."""
_log = logging.getLogger(__name__)


class Session:
    """One client.

    Args:
        line: an accepted socket.
        filters: what it asks for, and may see.
        expires_at: when its credential ends.
    """

    def __init__(self, hub: Hub, line: Line, filters: Filters, expires_at: datetime | None = None) -> None:
        self._hub = hub
        self._line = line
        self._filters = filters
        self._condition = Condition(filters)
        self._expires_at = expires_at
        self._subscriber = Subscriber("", hub.settings.queue_bytes)
        self._attached = False

    async def run(self, cursor: Cursor | None) -> None:
        """Serve the client until one of both ends it.

        Args:
            cursor: where it stopped reading; None for what commits from now on.
        """
        self._hub.enter(self)
        if cursor is not None:
            self._hub.metrics.resumes.inc()
        code = _ABNORMAL
        sending = asyncio.create_task(self._send(cursor))
        try:
            message = await self._line.listen()
            if message["type"] == "websocket.receive":
                self.end(refusals.SILENCE, "this socket only speaks: send nothing")
            code = message.get("code", code)
        finally:
            self._hub.leave(self, self._line.code or code)
            self._hub.detach(self._filters, self._subscriber)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    def end(self, code: int, reason: str) -> None:
        """Close at once."""
        self._hub.detach(self._filters, self._subscriber)
        self._line.hang_up(code, reason)

    def look(self, beat: Frame | None) -> None:
        """Once a second: close who is no longer let in or does not read, and let who has heard nothing for long hear `beat`."""
        now = asyncio.get_running_loop().time()
        stuck, settings = self._line.stuck_since, self._hub.settings
        if self._expires_at is not None and datetime.now(UTC) >= self._expires_at:
            self.end(refusals.DENIED, "the credential has expired")
        elif stuck is not None and now - stuck > settings.send_timeout:
            owed = self._subscriber.owed
            self.end(refusals.AGAIN, f"too slow, {owed} missed: connect with the cursor of your last frame")
        elif (
            beat is not None
            and self._attached
            and self._subscriber.idle
            and now - self._line.sent_at > settings.heartbeat
        ):
            self._subscriber.offer(beat)

    async def _send(self, cursor: Cursor | None) -> None:
        try:
            await self._resume(await self._hub.place(cursor))
            while True:
                frame = await self._subscriber.take()
                if frame is not None:
                    await self._line.send(frame)
                    del frame  # while nothing comes, nothing is held
                else:
                    await self._overtake()
        except ClosedError:
            pass
        except RefusedError as error:
            await self._refuse(error)
        except Exception:  # noqa: BLE001 (a fault of ours ends this socket alone)
            _log.exception("a socket of the live feed is closed by a fault of ours")
            self.end(refusals.FAULT, "a fault of the server; connect again with your cursor")

    async def _resume(self, position: Cursor) -> None:
        """Send all from `position` on, until there is no more, and go on with what commits."""
        while not self._hub.attach(self._filters, self._subscriber, position):
            position = await self._pass_on(await self._hub.behind(position))
        self._attached = True

    async def _overtake(self) -> None:
        """Send what came while the client did not read, as far as it is still at hand, and tell how much is not."""
        subscriber = self._subscriber
        position: Cursor = dict(Watermark.read(subscriber.cursor).lanes)
        while not self._hub.at_end(position):
            tick = self._hub.recent(position)
            if tick is None:
                before = subscriber.cursor
                owed = subscriber.go_on(self._hub.token)
                self._hub.metrics.missed.inc(owed)
                await self._line.send(missed(owed, before))
                return
            position = await self._pass_on(tick)
        subscriber.go_on(self._hub.token)

    async def _pass_on(self, tick: Tick) -> Cursor:
        """Send what of `tick` belongs to the client; gives the cursor behind it."""
        subscriber = self._subscriber
        for frame in frames(tick, [entry for entry in tick.entries if self._condition.fits(entry)]):
            await self._line.send(frame)
            subscriber.owed = max(0, subscriber.owed - frame.size)
            subscriber.cursor = frame.cursor
        return tick.after

    async def _refuse(self, error: RefusedError) -> None:
        self._hub.metrics.refused(error.reason)
        with suppress(ClosedError):
            await self._line.send(refusal(error.title, error.detail, error.status))
        self.end(error.code, error.title)
