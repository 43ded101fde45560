"""What one process remembers of the timeline: arrays that never change, each of one version of a day, within a bound."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeAlias

import numpy as np

__all__ = ["Load", "Memory"]

Load: TypeAlias = Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]
"""Gives a value for each key; one that it leaves out is None."""

_ENTRY: Final = 300
"""Bytes that an entry takes beside its arrays, about."""


class Memory:
    """Values by key, within a bound; what was not asked for longest goes first. Used from one thread.

    A key holds the version of what its value was made of, so no value is ever stale: it is asked for, or it is not.

    Args:
        limit: bytes, about. A question whose values are more keeps as many as fit.
    """

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, tuple[Any, int, int]] = OrderedDict()
        self._loading: dict[Hashable, asyncio.Event] = {}
        self._turn = 0
        self.size = 0
        """Bytes in use, about."""

    @property
    def half_full(self) -> bool:
        """Whether what is kept takes half of what may be kept, or more."""
        return 2 * self.size >= self._limit

    async def obtain(self, keys: Sequence[Any], load: Load) -> dict[Any, Any]:
        """The value of each of `keys`; what is not here is loaded, once, however many ask for it at the same time.

        Args:
            load: may ask this memory for what its values are made of, but not for values that others make of these.
        """
        self._turn += 1
        turn, found = self._turn, dict[Any, Any]()
        while missing := [key for key in dict.fromkeys(keys) if key not in found]:
            mine: list[Any] = []
            others: list[asyncio.Event] = []
            for key in missing:
                if key in self._entries:
                    value, size, _ = self._entries.pop(key)
                    self._entries[key] = (value, size, turn)
                    found[key] = value
                elif key in self._loading:
                    others.append(self._loading[key])
                else:
                    mine.append(key)
            if mine:
                await self._load(mine, load, found, turn)
            for other in others:
                await other.wait()
        return found

    async def _load(self, keys: list[Any], load: Load, found: dict[Any, Any], turn: int) -> None:
        done = asyncio.Event()
        self._loading |= dict.fromkeys(keys, done)
        try:
            loaded = await load(keys)
            for key in keys:
                found[key] = loaded.get(key)
                self._remember(key, found[key], turn)
        finally:
            for key in keys:
                del self._loading[key]
            done.set()

    def _remember(self, key: Hashable, value: Any, turn: int) -> None:
        size = _size(value) + _ENTRY
        while self.size + size > self._limit:
            oldest = next(iter(self._entries), None)
            if oldest is None or self._entries[oldest][2] >= turn:  # a question does not drive out what it stands on
                return
            self.size -= self._entries.pop(oldest)[1]
        self._entries[key] = (value, size, turn)
        self.size += size


def _size(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(one) for one in value.values())
    if is_dataclass(value):
        return sum(_size(getattr(value, one.name)) for one in fields(value))
    return 0
