"""Counts the messages in a request without making them: a few bytes each on the wire, they take hundreds in memory."""

from __future__ import annotations

from typing import Final, Literal

from prelude_exporter.errors import TooLargeError

__all__ = ["check_count"]

_RESOURCES, _SCOPES, _RECORDS, _EVENTS = 0x0A, 0x12, 0x12, 0x5A
_LEVELS: Final = {"logs": (_RESOURCES, _SCOPES, _RECORDS), "traces": (_RESOURCES, _SCOPES, _RECORDS, _EVENTS)}
"""Tags of the fields that hold messages within messages: field 1, 2, 2 of OTLP's requests, and the events (11) of a span."""
_SMALLEST: Final = 2
"""Bytes of an empty message in another: its tag and its length."""
_MORE: Final = 0x80
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH: Final = {_FIXED64: 8, _FIXED32: 4}


def check_count(signal: Literal["logs", "traces"], request: bytes, most: int) -> None:
    """Refuse a request of more than `most` log records, or spans and span events, counting what encloses them as well.

    What is no OTLP passes: the parser says so better.

    Raises:
        TooLargeError: it has more.
    """
    # Most requests are too small to hold so many.
    if len(request) <= most * _SMALLEST:
        return
    try:
        if _count(request, 0, len(request), _LEVELS[signal], most) < 0:
            raise TooLargeError(f"the request has more than {most} records")
    except IndexError:
        return


def _count(request: bytes, position: int, end: int, levels: tuple[int, ...], left: int) -> int:
    """What is left of `left` after the messages of `levels` between `position` and `end`; negative when they are more."""
    wanted = levels[0]
    inner = levels[1:]
    while position < end and left >= 0:
        tag = request[position]
        if tag & _MORE:
            tag, position = _varint(request, position)
        else:
            position += 1
        kind = tag & 7
        if kind == _BYTES:
            size = request[position]
            if size & _MORE:
                size, position = _varint(request, position)
            else:
                position += 1
            if tag == wanted:
                left -= 1
                if inner:
                    left = _count(request, position, min(position + size, end), inner, left)
            position += size
        elif kind == _VARINT:
            _, position = _varint(request, position)
        elif kind in _WIDTH:
            position += _WIDTH[kind]
        else:
            raise IndexError(kind)  # groups and what does not exist: no OTLP
    return left


def _varint(request: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = request[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, position
        shift += 7
