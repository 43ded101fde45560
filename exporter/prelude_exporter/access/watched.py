"""Files that may change while the exporter runs: read again when they have, and kept as they were when the new ones are wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from prelude_otel.errors import PreludeError

__all__ = ["Watched"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the files."""


class Watched(Generic[T]):
    """What `read` makes of files, read again at the next use after one of them has changed. Safe to use from any thread.

    Args:
        paths: the files; a rename over one, or a link that leads elsewhere (as in Kubernetes), is a change as well.
        read: reads them; raises a PreludeError where they are wrong.

    Raises:
        PreludeError: they are wrong already now.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], T]) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._lock = threading.Lock()
        self._seen = self._look()
        self._value = read()
        self._next_look = time.monotonic() + _LOOK_EVERY

    def current(self) -> T:
        """What the files say now; while they are wrong, what they said before."""
        if time.monotonic() >= self._next_look:
            with self._lock:
                self._refresh()
        return self._value

    def _refresh(self) -> None:
        self._next_look = time.monotonic() + _LOOK_EVERY
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        names = ", ".join(str(path) for path in self._paths)
        try:
            self._value = self._read()
        except PreludeError as error:
            # Half of a pair may be new, and the other come in a moment: then this is read once more.
            _log.error("%s changed, but can't be used; what was there before stays in force: %s", names, error)
        else:
            _log.warning("%s changed, and is in force", names)

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
