"""What one request may be, and one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Limits"]

_MEBIBYTE: Final = 1024 * 1024
_LARGEST: Final = 2**31 - 1
"""gRPC counts in 32 bits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of requests and connections.

    Args:
        request_bytes: of one request, as it comes and inflated; as JSON, which takes more memory to read, a quarter.
        records: log records, spans and span events of one request, and what encloses them.
        connections: at once on each of the two ports.
        arrival: seconds from the first byte of a request to its last.
    """

    request_bytes: int = 64 * _MEBIBYTE
    records: int = 100_000
    connections: int = 500
    arrival: float = 30.0

    @property
    def hard_bytes(self) -> int:
        """Where gRPC stops reading or inflating by itself, and nothing is known of the request but that it was larger."""
        return min(2 * self.request_bytes, _LARGEST)
