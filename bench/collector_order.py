"""A request of logs as the Collector (0.160) writes it: the fields of each message in descending order, each value before its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["as_the_collector_writes", "read_varint"]

Schema = Mapping[int, Any]
"""Fields that are messages, with their schema."""

_VALUE: Final[dict[int, Any]] = {}
_KEY_VALUE: Final[Schema] = {2: _VALUE}
_VALUE.update({5: {1: _VALUE}, 6: {1: _KEY_VALUE}})
_RESOURCE: Final[Schema] = {1: _KEY_VALUE}
_SCOPE: Final[Schema] = {3: _KEY_VALUE}
_RECORD: Final[Schema] = {5: _VALUE, 6: _KEY_VALUE}
_REQUEST: Final[Schema] = {1: {1: _RESOURCE, 2: {1: _SCOPE, 2: _RECORD}}}


def as_the_collector_writes(request: bytes, schema: Schema = _REQUEST) -> bytes:
    """The same request in the other order."""
    fields: list[tuple[int, bytes]] = []
    at = 0
    while at < len(request):
        start = at
        tag, at = read_varint(request, at)
        number, kind = tag >> 3, tag & 7
        if kind == 2:
            size, at = read_varint(request, at)
            content = request[at : at + size]
            at += size
            if number in schema:
                content = as_the_collector_writes(content, schema[number])
            fields.append((number, _varint(tag) + _varint(len(content)) + content))
            continue
        at = read_varint(request, at)[1] if kind == 0 else at + {1: 8, 5: 4}[kind]
        fields.append((number, request[start:at]))
    fields.sort(key=lambda field: -field[0])
    return b"".join(content for _, content in fields)


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The varint at `at`, and where it ends."""
    number = shift = 0
    while message[at] & 0x80:
        number |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
    return number | message[at] << shift, at + 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
