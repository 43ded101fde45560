"""One request or socket that was let in, until it ends or its credential does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

__all__ = ["HANG_UP", "REVOKED", "Oversight"]

REVOKED: Final = 4401
"""Close code of a socket whose credential has ended."""

HANG_UP: Final = "prelude.hang_up"
"""In a scope's extensions, where our server serves: closes a socket, with code and reason, though the client does not read."""

_REASON: Final = "the credential has ended"


class Oversight:
    """Stands between an application and its client.

    Args:
        scope: of the request.
        receive: the server's.
        send: the server's.
        began: called once with the status of the answer; 101 for a socket that was accepted.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, began: Callable[[int], None]) -> None:
        self._socket = scope["type"] == "websocket"
        self._hang_up: Callable[[int, str], None] | None = scope.get("extensions", {}).get(HANG_UP)
        self._receive = receive
        self._send = send
        self._began = began
        self._open = False
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._serving: asyncio.Task[object] | None = asyncio.current_task()
        self._cancelled = False
        self._answering = False

    @property
    def broken_off(self) -> bool:
        """Whether an answer has begun that did not come to its end."""
        return self._answering

    def end(self) -> None:
        """The credential has ended: so does the socket, or the answer that is under way."""
        self._ended.set()
        if self._socket and self._open and self._hang_up is not None:
            self._hang_up(REVOKED, _REASON)
        elif self._socket and self._open:
            self._task = asyncio.create_task(self._close())
        elif self._serving is not None:
            self._cancelled = True
            self._serving.cancel()

    def cancelled(self) -> bool:
        """Whether `end` is why the application was cancelled; it is not any more, then."""
        if self._cancelled and self._serving is not None:
            self._serving.uncancel()
        return self._cancelled

    async def receive(self) -> Message:
        """The client's next message."""
        if not self._socket:
            return await self._receive()
        if self._ended.is_set():
            return {"type": "websocket.disconnect", "code": REVOKED}
        coming, ending = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait([coming, ending], return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                return coming.result()
            return {"type": "websocket.disconnect", "code": REVOKED}
        finally:
            coming.cancel()
            ending.cancel()

    async def send(self, message: Message) -> None:
        """Pass a message on to the client; nothing more once the credential has ended."""
        kind = message["type"]
        if self._ended.is_set():
            return
        if kind in ("http.response.start", "websocket.http.response.start"):
            self._answering = kind == "http.response.start"
            self._began(message["status"])
        elif kind == "websocket.accept":
            self._open = True
            self._began(101)
        elif kind == "websocket.close":
            self._open = False
        await self._send(message)
        if kind == "http.response.body" and not message.get("more_body", False):
            self._answering = False

    async def _close(self) -> None:
        await self._send({"type": "websocket.close", "code": REVOKED, "reason": _REASON})
