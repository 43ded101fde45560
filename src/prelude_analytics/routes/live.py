"""Rows as they commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, WebSocket

from prelude_analytics.access import Calls, restrict
from prelude_analytics.cursors import Watermark
from prelude_analytics.filters import Filters
from prelude_analytics.live.hub import Hub
from prelude_analytics.live.line import Line
from prelude_analytics.live.metrics import LiveMetrics
from prelude_analytics.live.session import Session
from prelude_analytics.live.settings import LiveSettings
from prelude_analytics.parameters import ParameterError

if TYPE_CHECKING:
    from prelude_analytics.database import Database
    from prelude_analytics.settings import Settings

__all__ = ["lifespan", "router"]

router = APIRouter(tags=["live"])


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The hub, from the start of `app` to its end."""
    settings: Settings = app.state.settings
    database: Database = app.state.database
    limits = LiveSettings(
        sockets=settings.live_sockets,
        sockets_of_token=settings.live_sockets_per_token,
        pending_timeout=timedelta(seconds=settings.pending_timeout),
    )
    hub = app.state.live = Hub(database.conninfo, limits, LiveMetrics(app.state.metrics.registry))
    async with hub.running():
        yield


@router.websocket("/live")
async def live(websocket: WebSocket, caller: Calls) -> None:
    """Rows as they commit: filters as of lists, and `cursor` to go on where another socket ended."""
    hub: Hub = websocket.app.state.live
    asked = _asked(websocket)
    cursor = asked.pop("cursor", None)
    lanes = None if cursor is None else dict(Watermark.read(cursor, "cursor").lanes)
    filters = restrict(caller, Filters.read(asked))
    with hub.admission.seat(caller.token_id):
        await websocket.accept()
        await Session(hub, Line(websocket, hub.metrics), filters, caller.expires_at).run(lanes)


def _asked(websocket: WebSocket) -> dict[str, str]:
    """Query parameters by name.

    Raises:
        ParameterError: one is given twice.
    """
    asked: dict[str, str] = {}
    for name, value in websocket.query_params.multi_items():
        if name in asked:
            raise ParameterError(name, value, "it is given once")
        asked[name] = value
    return asked
