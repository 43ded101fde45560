"""Damage to OTLP bytes: at random, or at random within the tree of messages with the lengths around it put right."""

from __future__ import annotations

from random import Random

from bench.collector_order import read_varint

__all__ = ["mutated"]

_TELLING = (0, 1, 2, 0x0A, 0x12, 0x7F, 0x80, 0xC3, 0xED, 0xFF)
_LENGTHS = 2  # wire type of what has a length

Field = tuple[int, bytes]
"""Tag, and the bytes after it without their length."""


def mutated(message: bytes, random: Random) -> bytes:
    """`message` with one thing changed, somewhere in it."""
    fields = _fields(message)
    if not fields or random.random() < 0.1:
        return _damaged(message, random)
    place = random.randrange(len(fields))
    tag, content = fields[place]
    match random.randrange(16):
        case 0:
            fields.insert(random.randrange(len(fields) + 1), (tag, content))
        case 1:
            del fields[place]
        case 2:
            other = random.randrange(len(fields))
            fields[place], fields[other] = fields[other], fields[place]
        case 3:
            fields[place] = (random.choice((tag ^ random.randrange(8), random.randrange(1, 200))), content)
        case _:
            fields[place] = (tag, mutated(content, random) if tag & 7 == _LENGTHS else _damaged(content, random))
    return b"".join(_written(*field, random) for field in fields)


def _damaged(content: bytes, random: Random) -> bytes:
    if not content:
        return bytes([random.choice(_TELLING)])
    place = random.randrange(len(content))
    byte = random.choice((random.randrange(256), random.choice(_TELLING), content[place] ^ 1 << random.randrange(8)))
    match random.randrange(5):
        case 0:
            return content[:place] + content[place + 1 :]
        case 1:
            return content[:place] + bytes([byte]) + content[place:]
        case 2:
            start = random.randrange(len(content))
            return content[:place] + content[start : start + random.randrange(1, 12)] + content[place:]
    return content[:place] + bytes([byte]) + content[place + 1 :]


def _fields(message: bytes) -> list[Field]:
    """The fields of `message`; none where it is no message."""
    fields: list[Field] = []
    at = 0
    try:
        while at < len(message):
            tag, at = read_varint(message, at)
            kind = tag & 7
            if kind == 0:
                _, stop = read_varint(message, at)
            elif kind == _LENGTHS:
                size, at = read_varint(message, at)
                stop = at + size
            else:
                stop = at + {1: 8, 5: 4}[kind]
            if stop > len(message) or tag < 8:
                return []
            fields.append((tag, message[at:stop]))
            at = stop
    except (IndexError, KeyError):
        return []
    return fields


def _written(tag: int, content: bytes, random: Random) -> bytes:
    return _varint(tag, random) + (_varint(len(content), random) if tag & 7 == _LENGTHS else b"") + content


def _varint(number: int, random: Random) -> bytes:
    """As short as it can be, or once in a while not."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    if random.random() < 0.002:
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)
