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

    Attributes:
        accepted: how many were put.
        done: how many of them have left.
    """

    accepted: int
    done: int

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

    def refuse(self) -> int:
        """The receiver will never take the first of the batch; as `confirm`."""

    def waiting(self) -> tuple[int, int]:
        """How many wait in memory, and how many on disk."""

    def notes(self) -> Mapping[str, int]:
        """Entries of processes that are gone, by what became of them: recovered, damaged."""

    def reset(self) -> None:
        """Start empty in the child after a fork, whose parent keeps what waited."""

    def close(self) -> int:
        """Let everything go; gives how many are lost by that."""
