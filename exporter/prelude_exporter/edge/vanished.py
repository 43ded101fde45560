"""gRPC calls that ended before their request was read."""

from __future__ import annotations

from typing import Final

from prelude_exporter.sender import Sender

__all__ = ["Vanished"]

_REMEMBERED: Final = 1000
_OVERDUE: Final = 0.2
"""Seconds before a call's own deadline: one that ended later was given up by its sender."""


class Vanished:
    """Tells the calls that gRPC itself refused, for a size above its limit, from those whose connection broke: they look alike.

    Who comes again by the same connection was refused. A broken one never comes again, and a sender that has given up has done so at
    the deadline that it named.
    """

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, Sender]] = {}

    def add(self, peer: str, signal: str, sender: Sender, remaining: float | None) -> None:
        """A call ended without its request.

        Args:
            peer: the sender's end of the connection, with its port.
            remaining: seconds left until the call's deadline; None without one.
        """
        if remaining is not None and remaining < _OVERDUE:
            return
        while len(self._calls) >= _REMEMBERED:
            del self._calls[next(iter(self._calls))]
        self._calls[peer] = signal, sender

    def refused(self, peer: str) -> tuple[str, Sender] | None:
        """Signal and sender of the call that was refused, now that `peer` calls again; once."""
        return self._calls.pop(peer, None) if self._calls else None
