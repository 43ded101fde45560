"""The keeper of rollups and sessions, as a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prelude_store.rollups.keeper import Keeper
from prelude_store.rollups.state import session_gap

__all__ = ["kept"]


@asynccontextmanager
async def kept(conninfo: str, *, wanted: bool) -> AsyncIterator[None]:
    """Inside, rollups and sessions follow what is committed; several processes may do so, one of them works."""
    if not wanted:
        yield
        return
    stop = threading.Event()
    keeper = Keeper(conninfo, session_gap=session_gap())
    thread = threading.Thread(target=keeper.run, args=(stop,), name="prelude-keeper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, 10.0)
