"""A real uvicorn on a port of its own, in a thread: what TestClient forgives, it does not."""

from __future__ import annotations

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
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, **{"log_config": None, **config}))
    thread = threading.Thread(target=_run, args=(server,))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        if not server.started:
            raise ServerDidNotStartError
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _run(server: uvicorn.Server) -> None:
    try:
        server.run()
    except SystemExit:  # uvicorn ends the program where the application does not start
        return
