"""Requests whose commit outlasts the wait for it: the sender is told to come again, and must not be told so for ever.

Without this, a request that a slow database needs longer for than the sender waits would be written anew with each resend.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from prelude_exporter.sender import Sender

__all__ = ["LateCommits", "StillWritingError"]

_REMEMBERED: Final = 256


class StillWritingError(TimeoutError):
    """Time is up, and the request is being written.

    Args:
        future: done when it is committed, or failed.
    """

    def __init__(self, future: asyncio.Future[None]) -> None:
        super().__init__()
        self.future = future


class LateCommits:
    """What came of such requests, by their bytes: the last few hundred, each some hundred bytes."""

    def __init__(self) -> None:
        self._futures: OrderedDict[tuple[object, ...], asyncio.Future[None]] = OrderedDict()

    def remember(self, signal: str, request: bytes, sender: Sender, future: asyncio.Future[None]) -> None:
        """`request` is still being written when its sender is told to come again."""
        self._futures[_key(signal, request, sender)] = future
        if len(self._futures) > _REMEMBERED:
            self._futures.popitem(last=False)

    def find(self, signal: str, request: bytes, sender: Sender) -> asyncio.Future[None] | None:
        """Its commit, done or not; None where there is none, or it failed: then the request is to be written."""
        if not self._futures:
            return None
        key = _key(signal, request, sender)
        future = self._futures.get(key)
        if future is not None and future.done() and future.exception() is not None:
            del self._futures[key]
            return None
        return future


def _key(signal: str, request: bytes, sender: Sender) -> tuple[object, ...]:
    return signal, sender.name, sender.services, blake2b(request, digest_size=16).digest()
