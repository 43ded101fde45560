"""How much one transaction may hold: less where the database is too slow to take it within the statement timeout.

A batch that is too large for the time would fail, come again, and fail again for ever. Smaller transactions each get through, and
what they have committed is a resend that costs little.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Pace"]

LEAST: Final = 32
"""A database that can't take this much in time needs help of another kind."""
_ANY: Final = 20_000
"""Above what any batch holds: from here on there is no limit again."""


class Pace:
    """The size of the next transaction. Starts without a limit.

    Args:
        limit: seconds that a transaction may take.
    """

    __slots__ = ("_limit", "_most")

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._most: int | None = None

    def allows(self, size: int) -> bool:
        """Whether a transaction may hold `size` rows, spans and entries."""
        return self._most is None or size <= self._most

    def too_slow(self, size: int) -> None:
        """A transaction of `size` did not come to its end in time."""
        self._most = max(size // 2, LEAST)

    def committed(self, size: int, seconds: float) -> None:
        """A transaction of `size` was committed in `seconds`."""
        # Twice as much must fit as well, with time to spare: a failure costs a whole timeout.
        if self._most is not None and size * 2 > self._most and seconds * 3 < self._limit:
            self._most = self._most * 2 if self._most < _ANY else None
