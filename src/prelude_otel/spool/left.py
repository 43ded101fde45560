"""Files that processes which are gone have left, one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prelude_otel import problems

if TYPE_CHECKING:
    from prelude_otel.otlp.backlog import Batch
    from prelude_otel.spool.folder import SpoolFolder
    from prelude_otel.spool.segment import Segment

__all__ = ["LOOK_EVERY_S", "LeftBehind"]

LOOK_EVERY_S: Final = 5.0
"""How often a process looks for files of processes that are gone."""


class LeftBehind:
    """Read by the sender's thread; `close` may come from another.

    Args:
        folder: where they are.
        own: gives the files of this process.
        making: held while a file is half opened.
    """

    def __init__(self, folder: SpoolFolder, own: Callable[[], set[Path]], making: threading.RLock) -> None:
        self._folder = folder
        self._own = own
        self._making = making
        self._lock = threading.RLock()
        self._closed = False
        self._candidates: list[Path] = []
        self._look_at = 0.0
        self.segment: Segment | None = None
        """The one that is being read."""
        self.waiting = self.recovered = self.damaged = 0

    def peek(self, max_bytes: int) -> Batch | None:
        """The oldest entries of the oldest file; a file of which all is confirmed is removed."""
        if self.segment is None and not self._candidates and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY_S
            self._candidates = self._look()
        while True:
            segment = self.segment
            if segment is not None:
                batch = segment.peek(max_bytes)
                if batch is not None:
                    return batch
                self._is_over(segment)
            if not self._candidates:
                return None
            with self._making:
                self._adopt(self._candidates.pop(0))

    def confirm(self, count: int, *, recovered: bool) -> None:
        """`count` have left, to the receiver or not."""
        if self.segment is not None:
            self.segment.confirm(count)
            self.waiting -= count
            self.recovered += count if recovered else 0

    def has_more(self) -> bool:
        """Whether there is something to read."""
        return self.segment is not None or bool(self._candidates)

    def close(self) -> Segment | None:
        """Adopt no more; gives the file that was being read."""
        with self._lock:
            self._closed = True
            segment, self.segment = self.segment, None
        return segment

    def _is_over(self, segment: Segment) -> None:
        with self._lock:
            if not self._closed:
                self.segment = None
                self.waiting = 0
                segment.remove()

    def _look(self) -> list[Path]:
        own = self._own()
        try:
            return self._folder.candidates(own)
        except OSError as error:
            problems.report("spool", f"{self._folder.path} can't be read: {error.strerror}")
            return []

    def _adopt(self, path: Path) -> None:
        segment = self._folder.adopt(path)
        if segment is None:
            return
        with self._lock:
            if self._closed:
                segment.close()
                return
            self.segment = segment
            self.waiting = segment.found
            self.damaged += segment.damaged
