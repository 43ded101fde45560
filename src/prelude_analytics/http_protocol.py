"""One HTTP connection, as uvicorn has it on httptools, with a bound for what httptools keeps without one: a request that is not whole yet."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from prelude_analytics.bodies import MOST_BYTES

__all__ = ["BoundedProtocol"]

_HEAD_BYTES: Final = 64 * 1024
"""Of an address and its headers together."""
_MORE_BYTES: Final = 4 * MOST_BYTES
"""Beyond the head, on the wire: a body in the smallest of chunks, and headers behind it. How large a body may be, `Body` says."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses what is too large before anybody has shown a credential."""

    _bytes = 0
    _most = _HEAD_BYTES

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request, or refuse it."""
        self._bytes += len(data)
        if self._bytes > self._most and not self.transport.is_closing():
            self.send_400_response("The request is too large.")
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._most = _HEAD_BYTES
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._bytes, self._most = 0, _MORE_BYTES
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._bytes = 0
        super().on_message_complete()
