"""Notes in the quarantine about requests that were refused for good because they are too large."""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Final

from prelude_exporter.decoding.decode import Decoded
from prelude_exporter.sender import Sender
from prelude_store.row import Quarantined

__all__ = ["FIRST_BYTES", "Oversized"]

FIRST_BYTES: Final = 4096
"""Of a refused request in its note; enough to see whose it is."""

_BURST: Final = 20
_AN_HOUR: Final = 3600.0
_PER_HOUR: Final = 60
_REMEMBERED: Final = 256


class Oversized:
    """Makes notes: one for each content, 20 at once and 60 an hour at most, so that a flood of them can't fill the database.

    Refusals beyond that are counted and logged like all the others.
    """

    __slots__ = ("_known", "_level", "_since")

    def __init__(self) -> None:
        self._known: dict[bytes, None] = {}
        self._level = float(_BURST)
        self._since = time.monotonic()

    def note(self, signal: str, sender: Sender, said: str, start: bytes) -> Decoded | None:
        """What to commit about a refused request; None when there is a note of it already, or too many of late.

        Args:
            said: which limit it is above, with its size as far as it is known.
            start: the request's first bytes, inflated.
        """
        start = bytes(start[:FIRST_BYTES])
        digest = blake2b(start, digest_size=16).digest()
        now = time.monotonic()
        self._level = min(self._level + (now - self._since) * _PER_HOUR / _AN_HOUR, _BURST)
        self._since = now
        if digest in self._known or self._level < 1:
            return None
        self._level -= 1
        kept = f"; the payload is its first {len(start)} bytes" if start else ""
        detail = f"{said}; it came from {sender}{kept}"
        return Decoded(quarantined=[Quarantined(signal, "request_too_large", detail, start)])

    def noted(self, start: bytes) -> None:
        """The note of the request that begins so is committed."""
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[blake2b(start[:FIRST_BYTES], digest_size=16).digest()] = None
