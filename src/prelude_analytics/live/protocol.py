"""uvicorn's WebSocket protocol, with what a feed needs of it and ASGI has no word for: to hang up on somebody who does not read."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from prelude_analytics.access.oversight import HANG_UP
from prelude_analytics.http_protocol import BoundedProtocol

__all__ = ["OPTIONS", "LiveProtocol"]

_BUFFER_BYTES: Final = 64 * 1024
_KERNEL_BYTES: Final = 128 * 1024
"""The kernel would let megabytes wait for a peer that does not read."""
_GRACE: Final = 3.0
"""Seconds for the peer to take what was sent, and the close frame."""
_LAST_GRACE: Final = 0.7
"""The same when the server ends, which others wait for."""
_REASON_BYTES: Final = 123
"""RFC 6455, 5.5: a control frame holds 125 bytes, the code takes two."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """Closes in bounded time, whatever the peer does, and lets little wait for it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection became a WebSocket."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=_BUFFER_BYTES)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    def handle_connect(self, event: Any) -> None:
        """A handshake: its scope is made here, and the application's task does not run before we return."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[HANG_UP] = self.hang_up

    def hang_up(self, code: int, reason: str) -> None:
        """Send a close frame behind all that waits, without waiting for it; when nobody answers, cut the connection."""
        if self.close_sent or self.disconnected or not self.handshake_complete:
            return
        self.stop_keepalive()
        cut = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": cut})
        if not self.transport.is_closing():
            self.conn.send_close(code, cut)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_GRACE, self.transport.abort)

    def shutdown(self) -> None:
        """The server ends: 1012, so that clients come back."""
        if (
            self.handshake_complete and self.conn.state is not State.OPEN
        ):  # the peer closes already: a second word is an error
            self.stop_keepalive()
            self.transport.close()
        else:
            super().shutdown()
        self.loop.call_later(_LAST_GRACE, self.transport.abort)

    def keepalive_timeout(self) -> None:
        """The peer does not answer."""
        super().keepalive_timeout()
        self.loop.call_later(_GRACE, self.transport.abort)


OPTIONS: Final[dict[str, Any]] = {
    "http": BoundedProtocol,
    "ws": LiveProtocol,
    "ws_per_message_deflate": False,
    "ws_max_size": 4096,
}
"""For `uvicorn.Config`. Compression would cost each socket its own window and each frame its own work; clients have nothing to say."""
