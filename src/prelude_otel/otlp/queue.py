"""A bounded queue of entries in memory, between the caller that emits and the thread that sends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Final

from prelude_otel.otlp.backlog import Batch, Prefix

__all__ = ["EntryQueue"]

MAX_BYTES: Final = 64 * 1024 * 1024


class EntryQueue:
    """Entries wait here until the receiver has said yes. Full: the new entry is refused, and the caller counts it.

    Args:
        prefix: constant parts of the requests.
        max_bytes: how much may wait, those that are being sent included.
    """

    __slots__ = (
        "_arrived",
        "_entries",
        "_idle",
        "_lock",
        "_max_bytes",
        "_prefix",
        "_waiting_bytes",
        "accepted",
        "done",
    )

    def __init__(self, prefix: Prefix, max_bytes: int = MAX_BYTES) -> None:
        self._prefix = prefix
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        """Start empty, with a new lock: also in the child after a fork, whose parent keeps what waited."""
        self._lock = threading.RLock()  # a signal handler may emit while its thread holds it
        self._arrived = threading.Event()
        self._entries: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._idle = True
        self.accepted = 0
        self.done = 0
        """How many have left the queue, in the order in which they came."""

    def put(self, entry: bytes) -> bool:
        """Add an entry; False where there is no room."""
        size = len(entry)
        with self._lock:
            if self._waiting_bytes + size > self._max_bytes:
                return False
            self._entries.append(entry)
            self._waiting_bytes += size
            self.accepted += 1
            wake = self._idle
            self._idle = False
        if wake:
            self._arrived.set()  # only the first after a pause wakes the sender: a wake-up costs more than the rest of emit
        return True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until there is something to send."""
        return self._arrived.wait(timeout_s)

    def wake(self) -> None:
        """Make `wait` return."""
        self._arrived.set()

    def peek(self, max_bytes: int) -> Batch | None:
        """The oldest entries, `max_bytes` of them or one, which stay in the queue until `confirm`."""
        entries: list[bytes] = []
        size = 0
        with self._lock:
            for entry in self._entries:
                size += len(entry)
                if entries and size > max_bytes:
                    break
                entries.append(entry)
            if not entries:
                self._idle = True
                self._arrived.clear()
        return Batch(self._prefix, entries) if entries else None

    def confirm(self, count: int) -> int:
        """Remove the first `count` entries; returns how many."""
        with self._lock:
            for _ in range(count):
                self._waiting_bytes -= len(self._entries.popleft())
            self.done += count
        return count

    def refuse(self, request: bytes) -> int:  # noqa: ARG002
        """It is gone: nothing here keeps it."""
        return self.confirm(1)

    def mark(self) -> tuple[int, int]:
        """They leave in the order in which they came."""
        return self.accepted, 0

    def passed(self, mark: tuple[int, int]) -> bool:
        """Whether as many have left."""
        return self.done >= mark[0]

    def waiting(self) -> tuple[int, int]:
        """How many wait here; none on disk."""
        return len(self._entries), 0

    def notes(self) -> Mapping[str, int]:
        """Nothing comes from other processes."""
        return {}

    def before_fork(self) -> None:
        """The child starts with an empty queue and a lock of its own."""

    def after_fork(self) -> None:
        """Nothing was held."""

    def close(self) -> int:
        """What waits is lost with the process."""
        return len(self._entries)
