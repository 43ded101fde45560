"""One HTTP connection, as uvicorn has it, with an end to its patience, and with the names in its client certificate."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from prelude_exporter.access.tls import names_in_ssl
from prelude_exporter.limits import Limits

__all__ = ["CERTIFICATE_NAMES", "http_protocol"]

CERTIFICATE_NAMES = "prelude.certificate_names"
"""Key in the state of an ASGI scope: names in the client certificate that TLS has verified."""


def http_protocol(limits: Limits) -> type[H11Protocol]:
    """A class for uvicorn's ``http=`` that holds connections to `limits`.

    A connection beyond their number is closed at once, and one whose request does not arrive in time is closed as well: both make the
    sender come again.
    """

    class Connection(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            names = names_in_ssl(transport.get_extra_info("peercert"))
            if names:
                self.app_state = self.app_state | {CERTIFICATE_NAMES: names}
            self._start()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._half_a_request():
                self._stop()
            elif self._deadline is None:
                self._start()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _half_a_request(self) -> bool:
            state = self.conn.their_state
            return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

        def _start(self) -> None:
            self._deadline = self.loop.call_later(limits.arrival, self.transport.abort)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Connection
