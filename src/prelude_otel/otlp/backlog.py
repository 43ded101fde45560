"""What stands between the caller that emits and the thread that sends, in memory or on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

__all__ = ["Backlog", "Batch", "Prefix"]

Prefix = tuple[bytes, bytes]
"""The constant parts of a request: `ResourceLogs.resource` and `ScopeLogs.scope`, each with its tag."""


class Batch(NamedTuple):
    """Entries that travel in one request: the bytes of `ScopeLogs.log_records`, each with tag and length."""

    prefix: Prefix
    entries: list[bytes]


class Backlog(Protocol):
    """Entries wait here until the receiver has said yes. `put` comes from any thread, the rest from the sender's.

    A signal handler or a finaliser may put in the middle of a step of its own thread.
    """

    @property
    def accepted(self) -> int:
        """How many were put."""

    def put(self, entry: bytes) -> bool:
        """Add an entry; False where there is no room."""

    def wait(self) -> bool:
        """Return when there may be something to send, or to look after."""

    def wake(self) -> None:
        """Make `wait` return."""

    def peek(self, max_bytes: int) -> Batch | None:
        """The oldest entries, `max_bytes` of them or one, which stay until `confirm` or `refuse`."""

    def confirm(self, count: int) -> int:
        """The receiver has taken the first `count` of the batch; gives how many of them this process has put."""

    def refuse(self, request: bytes) -> int:
        """The receiver will never take the first of the batch, alone in `request`; gives how many are lost by that."""

    def mark(self) -> tuple[int, int]:
        """How many were put so far, in memory and on disk."""

    def passed(self, mark: tuple[int, int]) -> bool:
        """Whether all that were put before `mark` have left."""

    def waiting(self) -> tuple[int, int]:
        """How many wait in memory, and how many on disk."""

    def notes(self) -> Mapping[str, int]:
        """Entries of processes that are gone, by what became of them: recovered, damaged."""

    def before_fork(self) -> None:
        """Come to a point where nothing is half done; the child of a fork inherits it."""

    def after_fork(self) -> None:
        """Go on in the parent."""

    def reset(self) -> None:
        """Start empty in the child after a fork, whose parent keeps what waited."""

    def close(self) -> int:
        """Let everything go; gives how many are lost by that."""
