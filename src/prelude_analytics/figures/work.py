"""Counting that takes long leaves the event loop to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from prelude_analytics.figures.sheet import Sheet

__all__ = ["worked"]

Given = TypeVar("Given")

_MANY: Final = 200_000
"""Rows of rollups; fewer are counted within a few milliseconds."""


async def worked(of: Sheet, work: Callable[[], Given]) -> Given:
    """What `work` gives, which counts `of`: in a thread, where that takes long."""
    return work() if len(of) < _MANY else await asyncio.to_thread(work)
