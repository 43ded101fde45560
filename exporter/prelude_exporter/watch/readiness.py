"""Whether requests should come here: red when the last write failed, green again by itself."""

from __future__ import annotations

import threading

__all__ = ["Readiness"]


class Readiness:
    """Told by writers and by the watch, asked by ``/readyz``. Safe to use from any thread."""

    __slots__ = ("_failures", "_lock", "_stopping", "_why")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._why: str | None = None
        self._stopping = False
        self._failures = 0

    @property
    def stopping(self) -> bool:
        """Whether the process has been told to end."""
        return self._stopping

    @property
    def why_not(self) -> str | None:
        """Why requests should not come, or None when they should."""
        return "the exporter is stopping" if self._stopping else self._why

    @property
    def write_failed(self) -> bool:
        """Whether the last write failed."""
        return self._why is not None

    @property
    def failures(self) -> int:
        """How many writes have failed."""
        return self._failures

    def green(self) -> bool:
        """A write succeeded, or would. True when that is news."""
        with self._lock:
            news, self._why = self._why is not None, None
            return news

    def red(self, why: str) -> bool:
        """A write failed. True when that is news."""
        with self._lock:
            news, self._why = self._why is None, why
            self._failures += 1
            return news

    def stop(self) -> None:
        """The process ends; this is final."""
        self._stopping = True
