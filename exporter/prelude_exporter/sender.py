"""Who sent a request, and for which services it may speak."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

__all__ = ["Sender", "address_of_peer"]


@dataclass(frozen=True, slots=True)
class Sender:
    """The other end of a request.

    Args:
        address: where it sent from, without the port; empty when that is not known.
        name: of its credential; None where none was asked for.
        services: values of ``service.name`` that it may speak for; None: all.
    """

    address: str
    name: str | None = None
    services: frozenset[str] | None = None

    def may_speak_for(self, service: str | None) -> bool:
        """Whether records of `service` (None: they name no service) may come from it."""
        return self.services is None or service in self.services

    def __str__(self) -> str:
        return f"{self.name!r} at {self.address}" if self.name is not None else self.address or "somebody"


def address_of_peer(peer: str) -> str:
    """The address in what gRPC calls a peer: ``ipv4:10.0.0.1:5000``, ``ipv6:%5B::1%5D:5000``, ``unix:…``."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")
