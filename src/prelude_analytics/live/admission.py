"""How many sockets may be open at once: of the process, and of one token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from prelude_analytics.problems import Problem

if TYPE_CHECKING:
    from prelude_analytics.live.metrics import LiveMetrics

__all__ = ["Admission"]

_RETRY_AFTER: Final = {"retry-after": "10"}


class Admission:
    """Counts who is in.

    Args:
        most: sockets of the process.
        most_of_one: sockets of one token, with those of the sessions that began with it; 0 is no limit of its own.
    """

    def __init__(self, most: int, most_of_one: int, metrics: LiveMetrics) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._metrics = metrics
        self._of: Counter[str] = Counter()
        self._all = 0

    @contextmanager
    def seat(self, token_id: str) -> Iterator[None]:
        """A place for one socket, from before its handshake is answered until it has ended.

        Raises:
            Problem: 503, the process is full; 429, the token has all that one may have.
        """
        if self._all >= self._most:
            self._metrics.refused("process_full")
            said = (
                f"this process serves {self._most} sockets already (PRELUDE_LIVE_SOCKETS); come again in 10 s, or start another"
                " process"
            )
            raise Problem(503, "Too many sockets", said, headers=_RETRY_AFTER, bound=self._most)
        if self._most_of_one and self._of[token_id] >= self._most_of_one:
            self._metrics.refused("token_full")
            said = (
                f"this token has {self._most_of_one} sockets open already (PRELUDE_LIVE_SOCKETS_PER_TOKEN); close one, or use a token for"
                " each program"
            )
            raise Problem(429, "Too many sockets", said, headers=_RETRY_AFTER, bound=self._most_of_one)
        self._all += 1
        self._of[token_id] += 1
        self._metrics.sockets.set(self._all)
        try:
            yield
        finally:
            self._all -= 1
            self._metrics.sockets.set(self._all)
            self._of[token_id] -= 1
            if not self._of[token_id]:
                del self._of[token_id]
