"""What goes wrong with delivery is said in one line a minute, with what it has cost so far; losses and its end are said, too."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["Trouble"]

_log = logging.getLogger("prelude_otel")
_SAY_EVERY_S: Final = 60.0


class Trouble:
    """Says what is wrong.

    Args:
        waiting: how many activities wait in memory and on disk.
        dropped: how many were lost, by reason.
    """

    def __init__(self, waiting: Callable[[], tuple[int, int]], dropped: Mapping[str, int]) -> None:
        self._waiting = waiting
        self._dropped = dropped
        self._lock = threading.RLock()  # a signal handler may meet trouble while its thread does
        self._said_at = self._loss_said_at = -_SAY_EVERY_S
        self._since: float | None = None

    def met(self, why: str, *, loss: bool = False) -> None:
        """Something is wrong now; a line in the log, unless one was written within the minute.

        Args:
            loss: something was lost, which a line about what is merely late does not keep from being said.
        """
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                self._since = now
            due = now - (self._loss_said_at if loss else self._said_at) >= _SAY_EVERY_S
            if due:
                self._said_at = now
                if loss:
                    self._loss_said_at = now
        if due:
            _log.warning("prelude-otel: %s; %s", why, self._standing())

    def over(self) -> None:
        """The receiver takes activities (again)."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            _log.warning(
                "prelude-otel: activities are delivered again, after %.0f s; %s",
                time.monotonic() - since,
                self._standing(),
            )

    def _standing(self) -> str:
        memory, disk = self._waiting()
        places = [
            f"{count} activities wait {place}" for count, place in ((memory, "in memory"), (disk, "on disk")) if count
        ]
        lost = ", ".join(f"{reason} {count}" for reason, count in sorted(self._dropped.items()) if count)
        return f"{' and '.join(places) or 'none waits'}; {f'dropped so far: {lost}' if lost else 'none is dropped'}"
