"""Searches for cycles, kept short: with thousands of open sockets each full one would hold up the event loop for half a second."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["short_searches"]

_THRESHOLDS: Final = 5_000, 10, 10
_FULL: Final = 2
"""The oldest generation; searching it is a full search."""
_LEAST: Final = 500_000
"""Objects set aside, below which nothing is searched anew."""


class _Pace:
    """What a full search has found alive is set aside, so that the next one passes it over; when twice as much lies there, all is searched once."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._most = least
        self._anew = False

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] != _FULL:
            return
        if phase == "start":
            self._anew = gc.get_freeze_count() > self._most
            if self._anew:
                gc.unfreeze()
            return
        gc.freeze()
        if self._anew:
            self._most = max(self._least, 2 * gc.get_freeze_count())


@contextmanager
def short_searches(least: int = _LEAST) -> Iterator[None]:
    """Inside, what lives long is seldom searched for cycles. What is freed as soon as nobody refers to it, which is nearly all, is not concerned.

    Args:
        least: objects that may be set aside before all are searched anew.
    """
    before, pace = gc.get_threshold(), _Pace(least)
    gc.set_threshold(*_THRESHOLDS)
    gc.callbacks.append(pace)
    gc.collect()
    try:
        yield
    finally:
        gc.callbacks.remove(pace)
        gc.set_threshold(*before)
        gc.unfreeze()
