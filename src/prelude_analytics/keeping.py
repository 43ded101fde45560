"""The keepers of rollups, sessions, the timeline and policies, as threads of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from prelude_store.retention.keeper import RetentionKeeper
from prelude_store.rollups.keeper import Keeper
from prelude_store.rollups.state import session_gap
from prelude_store.timeline.keeper import TimelineKeeper

if TYPE_CHECKING:
    from prelude_analytics.metrics import Metrics
    from prelude_analytics.settings import Settings

__all__ = ["kept"]


@asynccontextmanager
async def kept(conninfo: str, settings: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Inside, rollups, sessions and timeline follow what is committed, and policies are carried out; of several processes one works."""
    runs: list[tuple[str, Callable[[threading.Event], None]]] = []
    if settings.keeper:
        runs.append(("prelude-keeper", Keeper(conninfo, session_gap=session_gap()).run))
        runs.append(("prelude-timeline", TimelineKeeper(conninfo).run))
    if settings.retention_every:
        retention = RetentionKeeper(settings.care_url or conninfo, every=timedelta(hours=settings.retention_every))
        metrics.show_retention(lambda: retention.figures)
        runs.append(("prelude-retention", retention.run))
    stop = threading.Event()
    threads = [threading.Thread(target=run, args=(stop,), name=name, daemon=True) for name, run in runs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            await asyncio.to_thread(thread.join, 10.0)
