"""Counting in threads of its own, few of them: so the event loop stays free, and the processor is left to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["worked"]

Given = TypeVar("Given")

_AT_ONCE: Final = 2
"""Pieces of work; the others wait for their turn, and hold no thread that anything else could use."""
_POOL: Final = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="prelude-counting")


async def worked(work: Callable[[], Given]) -> Given:
    """What `work` gives, done in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, work)
