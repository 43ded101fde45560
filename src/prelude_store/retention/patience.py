"""Work on the log that never stands in ingest's way: it waits for a lock only briefly, and comes again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from psycopg.errors import DeadlockDetected, LockNotAvailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BEHIND_KEEPERS", "IN_THE_WAY", "again"]

_Result = TypeVar("_Result")

IN_THE_WAY: Final = "50ms"
"""``lock_timeout`` of what others queue behind while it waits: a lock on the log as a whole."""
BEHIND_KEEPERS: Final = "10s"
"""``lock_timeout`` of what waits for keepers, and nobody for it."""

_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0


def again(work: Callable[[], _Result], patience: float) -> _Result:
    """What `work` gives, tried for `patience` seconds while others hold what it needs.

    Raises:
        psycopg.errors.LockNotAvailable: they held it all the time.
    """
    until, pause = time.monotonic() + patience, _PAUSE
    while True:
        try:
            return work()
        except (LockNotAvailable, DeadlockDetected):
            if time.monotonic() + pause > until:
                raise
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
