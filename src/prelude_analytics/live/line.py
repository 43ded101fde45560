"""One socket: sends a frame at a time, knows for how long one has been stuck, and can hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from prelude_analytics.access.oversight import HANG_UP

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from prelude_analytics.live.frames import Frame
    from prelude_analytics.live.metrics import LiveMetrics

__all__ = ["ClosedError", "Line"]


class ClosedError(Exception):
    """The socket is closed, by whomever."""


class Line:
    """An accepted socket.

    Args:
        metrics: told of what is sent.

    Attributes:
        code: with which the service has closed it; None while it has not.
        sent_at: when the last frame went through, by the clock of the loop.
        stuck_since: since when a frame waits for the peer to read; None when none does.
    """

    def __init__(self, websocket: WebSocket, metrics: LiveMetrics) -> None:
        self._websocket = websocket
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Task[None] | None = None
        self._closed = False
        self.code: int | None = None
        self.sent_at = self._loop.time()
        self.stuck_since: float | None = None

    async def send(self, frame: Frame) -> None:
        """Send `frame`; returns when the transport has room for another.

        Raises:
            ClosedError: nobody is there any more.
        """
        if self._closed:
            raise ClosedError
        self.stuck_since = self._loop.time()
        try:
            await self._websocket.send_text(frame.data.decode())
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: closed while we waited
            self._closed = True
            raise ClosedError from None
        self.stuck_since, self.sent_at = None, self._loop.time()
        self._metrics.sent(frame, self.sent_at)

    def hang_up(self, code: int, reason: str) -> None:
        """Close now, and don't wait until the peer has read what was sent before."""
        if self._closed:
            return
        self._closed, self.code = True, code
        hang_up: Callable[[int, str], None] | None = self._websocket.scope.get("extensions", {}).get(HANG_UP)
        if hang_up is not None:
            hang_up(code, reason)
        else:  # another server than ours: as soon as it can
            self._closing = self._loop.create_task(self._close(code, reason))

    async def listen(self) -> Any:
        """Wait for what the peer says, or for its end; gives the ASGI message."""
        return await self._websocket.receive()

    async def _close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code, reason)
