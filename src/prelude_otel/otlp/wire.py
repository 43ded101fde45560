"""Protobuf's wire format, as far as OTLP's common messages need it (protobuf encoding guide; opentelemetry-proto common.proto)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Any, Final

__all__ = ["any_value", "key_prefix", "length_delimited", "string_attribute", "text", "value_attribute", "varint"]

SMALL: Final = tuple(bytes((number,)) for number in range(128))
_DOUBLE: Final = Struct("<Bd").pack
_MASK64: Final = (1 << 64) - 1
_SHORT: Final = 100
"""Texts up to this many bytes keep every length of their attribute within one byte."""


def varint(number: int) -> bytes:
    """A varint; negative numbers in two's complement of 64 bits."""
    if 0 <= number < 128:
        return SMALL[number]
    number &= _MASK64
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value: str) -> bytes:
    """UTF-8; a lone surrogate, which UTF-8 can't hold, becomes a question mark."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def length_delimited(tag: bytes, content: bytes) -> bytes:
    """A field of wire type 2."""
    return tag + varint(len(content)) + content


def key_prefix(key: str) -> bytes:
    """The part of a KeyValue before its value's length: key field, and the tag of the value."""
    return length_delimited(b"\x0a", text(key)) + b"\x12"


def string_attribute(prefix: bytes, value: str) -> bytes:
    """An attribute of a LogRecord (field 6) that holds text; `prefix` is the `key_prefix`."""
    content = text(value)
    size = len(content)
    total = len(prefix) + size + 3
    if size < _SHORT and total < 128:
        return b"\x32%c%b%c\x0a%c%b" % (total, prefix, size + 2, size, content)
    return value_attribute(prefix, length_delimited(b"\x0a", content))


def value_attribute(prefix: bytes, value: bytes) -> bytes:
    """An attribute of a LogRecord (field 6) with a ready AnyValue."""
    return length_delimited(b"\x32", prefix + varint(len(value)) + value)


def any_value(value: Any) -> bytes:
    """An AnyValue of text, numbers, booleans, bytes, lists and maps.

    Raises:
        TypeError: OTLP has no form for the value; `prelude_otel.values.carry` sees to it that this never happens.
    """
    kind = type(value)
    if kind is str:
        return length_delimited(b"\x0a", text(value))
    if kind is int:
        return b"\x18" + varint(value)
    if kind is float:
        return _DOUBLE(0x21, value)
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if value is None:
        return b""
    if kind is dict:
        return length_delimited(b"\x32", _key_values(value))
    if kind is list:
        return length_delimited(b"\x2a", b"".join([length_delimited(b"\x0a", any_value(item)) for item in value]))
    if kind is bytes:
        return length_delimited(b"\x3a", value)
    raise TypeError(f"OTLP carries no {kind.__name__}")


def _key_values(values: Mapping[str, Any]) -> bytes:
    parts = []
    for key, value in values.items():
        content = any_value(value)
        pair = length_delimited(b"\x0a", text(key)) + b"\x12" + varint(len(content)) + content
        parts.append(length_delimited(b"\x0a", pair))
    return b"".join(parts)
