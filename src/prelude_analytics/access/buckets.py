"""How often somebody may do something: a bucket for each, refilled as time passes."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Buckets"]

_MOST: Final = 20_000
"""Of the buckets that are remembered; the ones that were used longest ago are forgotten, and full again."""


class Buckets:
    """Buckets by key, each of `size`, refilled by `rate` a second; a rate of 0 is no limit."""

    def __init__(self, rate: float, size: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = size
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until there is one to take; 0 where there is one now."""
        if not self._rate:
            return 0.0
        return max(0.0, (1.0 - self._level(key)) / self._rate)

    def take(self, key: str) -> None:
        """Take one, if there is any."""
        if not self._rate:
            return
        self._levels[key] = (max(0.0, self._level(key) - 1.0), self._clock())
        self._levels.move_to_end(key)
        if len(self._levels) > _MOST:
            self._levels.popitem(last=False)

    def _level(self, key: str) -> float:
        level, at = self._levels.get(key, (self._size, self._clock()))
        return min(self._size, level + (self._clock() - at) * self._rate)
