"""The keepers of rollups, sessions and the timeline, as threads of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prelude_store.rollups.keeper import Keeper
from prelude_store.rollups.state import session_gap
from prelude_store.timeline.keeper import TimelineKeeper

__all__ = ["kept"]


@asynccontextmanager
async def kept(conninfo: str, *, wanted: bool) -> AsyncIterator[None]:
    """Inside, rollups, sessions and timeline follow what is committed; several processes may do so, one of them works."""
    if not wanted:
        yield
        return
    stop = threading.Event()
    threads = [
        threading.Thread(target=run, args=(stop,), name=name, daemon=True)
        for name, run in (
            ("prelude-keeper", Keeper(conninfo, session_gap=session_gap()).run),
            ("prelude-timeline", TimelineKeeper(conninfo).run),
        )
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            await asyncio.to_thread(thread.join, 10.0)
