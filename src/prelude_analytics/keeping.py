"""The keeper of rollups and sessions, as a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any, Final

__all__ = ["kept"]

_MODULE: Final = "prelude_store.rollups.keeper"


@asynccontextmanager
async def kept(conninfo: str, *, wanted: bool) -> AsyncIterator[None]:
    """Inside, rollups and sessions follow what is committed; several processes may do so, one of them works."""
    if not wanted or find_spec(_MODULE) is None:
        yield
        return
    from importlib import import_module

    keeper: Any = import_module(_MODULE)
    stop = threading.Event()
    thread = threading.Thread(target=keeper.Keeper(conninfo).run, args=(stop,), name="prelude-keeper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, 10.0)
