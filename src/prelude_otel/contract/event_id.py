"""Ids of events: ours are UUIDv7 made from the action's start; other strings become UUIDv8 (RFC 9562)."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from hashlib import blake2b
from struct import Struct
from uuid import UUID

__all__ = ["event_id_from_content", "event_id_from_uid", "uuid7", "uuid7_text"]

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")
_halves = Struct(">QQ").pack

# A generator of our own: an application's random.seed() must not make ids repeat, and neither must a fork.
_random = random.Random(os.urandom(16))  # noqa: S311 (ids are unique, not secret)
_bits = _random.getrandbits
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(16)))


def uuid7_text(unix_ns: int, bits: Callable[[int], int] = _bits) -> str:
    """A UUIDv7 whose time is `unix_ns` (nanoseconds since the epoch), as text; `bits` gives that many random bits.

    Milliseconds fill the standard field; the 12 bits after it hold the fraction of the millisecond (RFC 9562, 6.2, method 3),
    so that ids of one process sort by the start of their action to a quarter of a microsecond.
    """
    ms, rest = divmod(unix_ns, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    text = _halves((ms & 0xFFFFFFFFFFFF) << 16 | 0x7000 | fraction, 0x8 << 60 | bits(62)).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def uuid7(unix_ns: int) -> UUID:
    """As `uuid7_text`, as a `uuid.UUID`."""
    return UUID(uuid7_text(unix_ns))


def event_id_from_uid(uid: str) -> str:
    """The row's id for a given ``log.record.uid``: a UUID as it is, any other string hashed to a UUIDv8."""
    if _UUID.match(uid):
        return str(UUID(uid))
    return _uuid8(uid.encode("utf-8", "surrogatepass"))


def event_id_from_content(content: bytes) -> str:
    """The row's id for a record without any: a hash of the whole record, so that a resend is the same row."""
    return _uuid8(content)


def _uuid8(content: bytes) -> str:
    number = int.from_bytes(blake2b(content, digest_size=16, person=b"prelude-event-id").digest())
    number = number & ~(0xF << 76) | 0x8 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=number))
