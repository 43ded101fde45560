"""Clients for `live.py`, many in one process: as little WebSocket as it takes, so that they cost less than what they measure.

Started with the address, a token and a list of paths on standard input; prints one line when all are connected, and at the end of standard input
the lags of all rows that came.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
import time
from datetime import datetime
from functools import partial
from typing import Final

_TIME: Final = re.compile(rb'"timestamp":"([^"]+)"')
_AT_ONCE: Final = 20
"""Handshakes under way."""
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Client(asyncio.Protocol):
    """One socket; notes for each row how long ago it was handed to the writer."""

    def __init__(self, host: str, token: str, path: str, lags: list[float]) -> None:
        self._hello = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n"
        )
        self._lags = lags
        self._bytes = bytearray()
        self._open = False
        self.ready = asyncio.get_running_loop().create_future()
        self.rows = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._hello.encode())

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"refused: {bytes(self._bytes[:300])!r} {error}"))

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self._open:
            end = self._bytes.find(b"\r\n\r\n")
            if end < 0 or not self._bytes.startswith(b"HTTP/1.1 101"):
                return
            del self._bytes[: end + 4]
            self._open = True
        while (found := self._frame()) is not None:
            self._take(*found)

    def _frame(self) -> tuple[int, bytes] | None:
        """The first whole frame that has come: its opcode and content."""
        held = self._bytes
        if len(held) < 2:
            return None
        length, begin = held[1] & 127, 2
        if length >= 126:
            begin = 4 if length == 126 else 10
            if len(held) < begin:
                return None
            length = int.from_bytes(held[2:begin])
        if len(held) < begin + length:
            return None
        opcode, content = held[0] & 15, bytes(held[begin : begin + length])
        del held[: begin + length]
        return opcode, content

    def _take(self, opcode: int, content: bytes) -> None:
        if opcode == _PING:
            self._transport.write(bytes((0x80 | _PONG, 0x80 | len(content))) + bytes(4) + content)
        elif opcode == _TEXT:
            now = time.time()
            if not self.ready.done():
                self.ready.set_result(None)
            if content.startswith(b'{"type":"missed"'):
                raise SystemExit(f"a client was too slow: {content[:200]!r}")
            for text in _TIME.findall(content):
                self._lags.append(now - datetime.fromisoformat(text.decode()).timestamp())
                self.rows += 1


async def _run() -> None:
    asked = json.loads(sys.stdin.readline())
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    clients: list[Client] = []
    for place in range(0, len(asked["paths"]), _AT_ONCE):
        portion = [
            loop.create_connection(
                partial(Client, asked["host"], asked["token"], path, lags), *asked["host"].split(":")
            )
            for path in asked["paths"][place : place + _AT_ONCE]
        ]
        clients += [client for _, client in await asyncio.gather(*portion)]
        await asyncio.gather(*(client.ready for client in clients[place:]))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)  # "begin": what came before does not count
    lags.clear()
    await loop.run_in_executor(None, sys.stdin.readline)
    print(json.dumps(lags), flush=True)


if __name__ == "__main__":
    asyncio.run(_run())
