"""The live feed alone: a hub behind a socket without access control, and a client that notes what it gets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from prelude_analytics.cursors import Watermark
from prelude_analytics.filters import Filters
from prelude_analytics.live.hub import Hub
from prelude_analytics.live.line import Line
from prelude_analytics.live.protocol import OPTIONS
from prelude_analytics.live.session import Session
from prelude_analytics.live.settings import LiveSettings
from tests.support.uvicorn_server import running_server

__all__ = ["Listener", "feed_server", "listening"]


@contextmanager
def feed_server(conninfo: str, settings: LiveSettings | None = None, **config: Any) -> Iterator[tuple[str, Hub]]:
    """A real server; gives its URL and its hub. `config` goes to `uvicorn.Config`."""
    hub: Hub | None = None

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        nonlocal hub
        hub = Hub(conninfo, settings)
        async with hub.running():
            yield

    async def live(websocket: WebSocket) -> None:
        assert hub is not None
        asked = dict(websocket.query_params)
        cursor = asked.pop("cursor", None)
        lanes = None if cursor is None else dict(Watermark.read(cursor, "cursor").lanes)
        await websocket.accept()
        await Session(hub, Line(websocket, hub.metrics), Filters.read(asked)).run(lanes)

    app = Starlette(routes=[WebSocketRoute("/live", live)], lifespan=lifespan)
    with running_server(app, **({"timeout_graceful_shutdown": 5} | OPTIONS | config)) as url:
        assert hub is not None
        yield url, hub


class Listener:
    """A client; notes what it gets."""

    def __init__(self, socket: Connection) -> None:
        self.socket = socket
        self.rows: list[dict[str, Any]] = []
        self.amendments: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []
        self.cursor: str | None = None

    @property
    def event_ids(self) -> list[str]:
        """Of the rows, in the order in which they came."""
        return [row["event_id"] for row in self.rows]

    def receive(self, timeout: float = 20) -> dict[str, Any]:
        """The next frame, noted."""
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout))
        if frame["type"] == "rows":
            self.rows += frame["rows"]
            self.amendments += frame["amendments"]
        else:
            self.others.append(frame)
        self.cursor = frame.get("cursor", self.cursor)
        return frame

    def until_rows(self, count: int) -> None:
        """Receive until so many rows have come in all."""
        while len(self.rows) < count:
            self.receive()

    def until_closed(self) -> tuple[int, str]:
        """Receive until the socket ends; gives code and reason."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
            return closed.rcvd.code, closed.rcvd.reason

    def until(self, kind: str) -> dict[str, Any]:
        """Receive until a frame of that type."""
        while (frame := self.receive())["type"] != kind:
            pass
        return frame


@contextmanager
def listening(url: str, cursor: str | None = None, path: str = "/live", **asked: Any) -> Iterator[Listener]:
    """A client of the feed at `url`, connected and told so by its first frame, unless it resumes."""
    headers = asked.pop("headers", {})
    query = {name: value for name, value in {**asked, "cursor": cursor}.items() if value is not None}
    address = f"{url.replace('http', 'ws', 1)}{path}?{urlencode(query)}"
    with connect(address, additional_headers=headers, max_size=None, close_timeout=1) as socket:
        listener = Listener(socket)
        if cursor is None:
            assert listener.receive()["type"] == "heartbeat"
        yield listener
