"""Mutations of bytes: some that know nothing of their form, some that keep lengths right, so that damage reaches what is inside."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from tests.support.otlp import field

__all__ = ["mutate"]

_NASTY: Final = [
    b"\x00", b"\xff", b"\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x7f" * 8, b"\xf0\x9f\x98\x80",
    b"\\u0000", b"\\", b"\t", b"\n", b'"', b"{", b"null", b"NaN", b"prelude.", b"\\N", b"\\.", b"\xe2\x80\xa8",
]  # fmt: skip
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MUTATE_AT_MOST: Final = 4

Mutation = Callable[[bytes, random.Random], bytes]


def mutate(body: bytes, pick: random.Random, others: list[bytes]) -> bytes:
    """`body` after one to four mutations."""
    for _ in range(pick.randint(1, _MUTATE_AT_MOST)):
        body = _inside(body, pick, pick.randint(0, 9)) if pick.random() < 0.85 else pick.choice(_BLIND)(body, pick)
        if pick.random() < 0.02:
            body = body[: pick.randint(0, len(body))] + pick.choice(others)
    return body


def _flip(body: bytes, pick: random.Random) -> bytes:
    if not body:
        return body
    at = pick.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << pick.randrange(8)]) + body[at + 1 :]


def _overwrite(body: bytes, pick: random.Random) -> bytes:
    at, nasty = pick.randint(0, len(body)), pick.choice(_NASTY)
    return body[:at] + nasty + body[at + len(nasty) :]


def _insert(body: bytes, pick: random.Random) -> bytes:
    at = pick.randint(0, len(body))
    return body[:at] + (pick.choice(_NASTY) if pick.random() < 0.5 else pick.randbytes(pick.randint(1, 12))) + body[at:]


def _delete(body: bytes, pick: random.Random) -> bytes:
    at = pick.randint(0, len(body))
    return body[:at] + body[at + pick.randint(1, 16) :]


def _repeat(body: bytes, pick: random.Random) -> bytes:
    at = pick.randint(0, len(body))
    return body[:at] + body[at : at + pick.randint(1, 40)] * pick.choice([2, 3, 20]) + body[at:]


def _truncate(body: bytes, pick: random.Random) -> bytes:
    return body[: pick.randint(0, len(body))]


_BLIND: Final[list[Mutation]] = [_flip, _overwrite, _insert, _delete, _repeat, _truncate]


def _fields(body: bytes) -> list[tuple[int, int, int, int]] | None:
    """Number, wire type, start of the content and its end, for each field; None where `body` is no message."""
    found, at = [], 0
    while at < len(body):
        key, at = _varint(body, at)
        if at < 0:
            return None
        number, kind = key >> 3, key & 7
        start = at
        if kind == _VARINT:
            _, at = _varint(body, at)
        elif kind == _BYTES:
            size, start = _varint(body, at)
            at = start + size if start >= 0 else -1
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            return None
        if at < 0 or at > len(body) or not 0 < number < 100:
            return None
        found.append((number, kind, start, at))
    return found


def _varint(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(body) and shift < 64:
        byte = body[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7
    return 0, -1


def _inside(body: bytes, pick: random.Random, depth: int) -> bytes:
    """Go `depth` messages down, mutate there, and write the lengths on the way up anew."""
    fields = _fields(body)
    if not fields:
        return pick.choice(_BLIND)(body, pick)
    index = pick.randrange(len(fields))
    parts = [_written(body, one) for one in fields]
    number, kind, start, end = fields[index]
    content = body[start:end]
    if depth and kind == _BYTES:
        parts[index] = field(number, _inside(content, pick, depth - 1)) if number < 16 else parts[index]
    else:
        match pick.randrange(6):
            case 0:
                del parts[index]
            case 1:
                parts.insert(pick.randint(0, len(parts)), parts[index])
            case 2:
                pick.shuffle(parts)
            case 3:
                parts[index] = field(pick.randint(1, 15), content)  # another field, another type
            case 4:
                parts[index] = field(min(number, 15), content * pick.choice([2, 50]) + pick.choice(_NASTY))
            case _:
                parts[index] = field(min(number, 15), pick.choice(_BLIND)(content, pick))
    return b"".join(parts)


def _written(body: bytes, one: tuple[int, int, int, int]) -> bytes:
    number, kind, start, end = one
    if kind == _BYTES and number < 16:
        return field(number, body[start:end])
    size = 0 if number < 16 else 1
    head = (
        bytes([(number << 3 | kind) & 0x7F]) if not size else bytes([(number << 3 | kind) & 0x7F | 0x80, number >> 4])
    )
    return head + body[start:end]
