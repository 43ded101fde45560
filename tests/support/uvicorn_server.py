"""A real uvicorn on a port of its own, in a thread: what TestClient forgives, it does not."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ServerDidNotStartError", "running_server"]


class ServerDidNotStartError(Exception):
    """The application refused to start."""


@contextmanager
def running_server(app: Any, **config: Any) -> Iterator[str]:
    """Serve `app`; gives its URL. `config` goes to `uvicorn.Config`.

    Raises:
        ServerDidNotStartError: the application's start-up failed.
    """
    server = _Server(uvicorn.Config(app, host="127.0.0.1", **{"port": 0, "log_config": None, **config}))
    thread = threading.Thread(target=_run, args=(server,))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        if not server.started:
            raise ServerDidNotStartError
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        thread.join()


class _Server(uvicorn.Server):
    """Ends when it is told to: uvicorn itself looks ten times a second, which adds up over many tests."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        if not self.should_exit:
            await self._told.wait()

    def stop(self) -> None:
        """End the server; from any thread."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)


def _run(server: uvicorn.Server) -> None:
    try:
        server.run()
    except SystemExit:  # uvicorn ends the program where the application does not start
        return
