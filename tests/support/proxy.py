"""A TCP proxy that a test puts between two parts, to make the network between them bad.

All proxies of a process run in one thread with an event loop of its own; every method may be called from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["Proxy", "running_proxy"]

_CHUNK: Final = 64 * 1024
_HANG_UP_HARD: Final = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: close sends RST

Upstream = tuple[str, int] | Path
"""Host and port, or the path of a Unix socket."""
Watch = Callable[[bytes], bool]
"""Told what the client sends, before it is passed on; True cuts the connection once it has been."""


class Proxy:
    """Passes bytes between whoever connects to `port` and one of `upstreams`: the next one that takes connections.

    Attributes:
        delay: seconds that each piece waits before it is passed on.
        bytes_per_second: how much is passed on in each direction of each connection; None: as much as there is.
        swallow: what comes is kept from then on and nothing is closed, as by a cable that was pulled.
        refuse: new connections are hung up on.
        watch: told what clients send; True cuts that connection after passing it on.
        connections: how many there have been.
    """

    def __init__(self, *upstreams: Upstream, port: int = 0) -> None:
        self.upstreams = upstreams
        self.delay = 0.0
        self.bytes_per_second: int | None = None
        self.swallow = False
        self.refuse = False
        self.watch: Watch | None = None
        self.connections = 0
        self._open: dict[asyncio.Task[None], socket.socket] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._loop = _loop()
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), self._loop)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    def calm(self) -> None:
        """From now on, and for new connections, a good network."""
        self.delay, self.bytes_per_second, self.swallow, self.refuse, self.watch = 0.0, None, False, False, None

    def cut(self, *, hard: bool = False) -> int:
        """Close every connection, `hard` by RST; gives how many there were."""
        return asyncio.run_coroutine_threadsafe(self._cut(hard), self._loop).result(10)

    def close(self) -> None:
        """Stop listening and cut what is open."""
        self._accepting.cancel()
        self.cut()
        self._loop.call_soon_threadsafe(self._listener.close)

    async def _cut(self, hard: bool) -> int:
        cut = list(self._open.items())
        for task, client in cut:
            if hard:
                with contextlib.suppress(OSError):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HANG_UP_HARD)
            task.cancel()
        await asyncio.gather(*(task for task, _ in cut), return_exceptions=True)
        return len(cut)

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            self.connections += 1
            if self.refuse:
                client.close()
                continue
            client.setblocking(False)
            task = self._loop.create_task(self._serve(client))
            self._open[task] = client
            task.add_done_callback(self._open.pop)

    async def _serve(self, client: socket.socket) -> None:
        with client, contextlib.ExitStack() as stack:
            for turn in range(len(self.upstreams)):
                upstream = self.upstreams[(self.connections + turn) % len(self.upstreams)]
                unix = isinstance(upstream, Path)
                where: Any = str(upstream) if unix else upstream
                server = stack.enter_context(socket.socket(socket.AF_UNIX if unix else socket.AF_INET))
                server.setblocking(False)
                with contextlib.suppress(OSError):
                    await self._loop.sock_connect(server, where)
                    await _first_of(self._pass(client, server, from_client=True), self._pass(server, client))
                    return

    async def _pass(self, source: socket.socket, target: socket.socket, *, from_client: bool = False) -> None:
        with contextlib.suppress(OSError):
            while piece := await self._receive(source):
                if self.delay:
                    await asyncio.sleep(self.delay)
                while self.swallow:  # noqa: ASYNC110 (set from other threads)
                    await asyncio.sleep(0.02)
                cut = from_client and self.watch is not None and self.watch(piece)
                await self._loop.sock_sendall(target, piece)
                if cut:
                    return
                if self.bytes_per_second:
                    await asyncio.sleep(len(piece) / self.bytes_per_second)

    async def _receive(self, source: socket.socket) -> bytes:
        most = min(_CHUNK, max(self.bytes_per_second // 20, 1)) if self.bytes_per_second else _CHUNK
        return await self._loop.sock_recv(source, most)


async def _first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Return when one ends; the others are cancelled."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def running_proxy(*upstreams: Upstream) -> Iterator[Proxy]:
    """A proxy for as long as the context is open."""
    proxy = Proxy(*upstreams)
    try:
        yield proxy
    finally:
        proxy.close()


_starting = threading.Lock()
_running: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    with _starting:
        if not _running:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="proxies", daemon=True).start()
            _running.append(loop)
        return _running[0]
