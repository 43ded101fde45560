"""Protobuf's wire format, as far as OTLP's common messages need it (protobuf encoding guide; opentelemetry-proto common.proto)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, Final

__all__ = [
    "Heads",
    "RememberedAttribute",
    "any_value",
    "entries",
    "head",
    "key_prefix",
    "length_delimited",
    "string_attribute",
    "text",
    "value_attribute",
    "varint",
]

SMALL: Final = tuple(bytes((number,)) for number in range(128))
_DOUBLE: Final = Struct("<Bd").pack
_MASK64: Final = (1 << 64) - 1
_REMEMBERED_LENGTH: Final = 256
"""Longer texts are made anew each time; so are the heads of an attribute beyond this many sizes."""
_REMEMBERED_COUNT: Final = 2048


def varint(number: int) -> bytes:
    """A varint; negative numbers in two's complement of 64 bits."""
    if 0 <= number < 128:
        return SMALL[number]
    if 0 < number < 1 << 14:
        return b"%c%c" % (number & 127 | 128, number >> 7)
    if 1 << 21 <= number < 1 << 28:  # nanoseconds of 2 to 268 ms: most durations
        return b"%c%c%c%c" % (number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128, number >> 21)
    number &= _MASK64
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value: str) -> bytes:
    """UTF-8; a lone surrogate, which UTF-8 can't hold, becomes a question mark."""
    return value.encode("utf-8", "replace")


def head(size: int, *tags: bytes) -> bytes:
    """All that stands before a content of `size` bytes in nested fields of wire type 2, whose tags are given from the outside in."""
    out = b""
    for tag in reversed(tags):
        out = tag + varint(len(out) + size) + out
    return out


class Heads(dict[int, bytes]):
    """Size of a content -> its `head`, remembered: a look-up costs a fifth of the making."""

    __slots__ = ("_tags",)

    def __init__(self, *tags: bytes) -> None:
        super().__init__()
        self._tags = tags

    def __missing__(self, size: int) -> bytes:
        made = head(size, *self._tags)
        if len(self) < _REMEMBERED_LENGTH:
            self[size] = made
        return made


def length_delimited(tag: bytes, content: bytes) -> bytes:
    """A field of wire type 2."""
    return tag + varint(len(content)) + content


def key_prefix(key: str) -> bytes:
    """The part of a KeyValue before its value's length: key field, and the tag of the value."""
    return length_delimited(b"\x0a", text(key)) + b"\x12"


def string_attribute(prefix: bytes, value: str) -> bytes:
    """An attribute of a LogRecord (field 6) that holds text; `prefix` is the `key_prefix`."""
    content = text(value)
    return head(len(content), b"\x32", prefix, b"\x0a") + content


class RememberedAttribute(dict[str, bytes]):
    """An attribute whose texts come again and again (a user, a page): text -> its bytes as `string_attribute` makes them."""

    __slots__ = ("_prefix",)

    def __init__(self, key: str) -> None:
        super().__init__()
        self._prefix = key_prefix(key)

    def __missing__(self, value: str) -> bytes:
        encoded = string_attribute(self._prefix, value)
        if len(value) <= _REMEMBERED_LENGTH:
            if len(self) >= _REMEMBERED_COUNT:
                self.clear()
            self[value] = encoded
        return encoded


def value_attribute(prefix: bytes, value: bytes) -> bytes:
    """An attribute of a LogRecord (field 6) with a ready AnyValue."""
    return head(len(value), b"\x32", prefix) + value


def any_value(value: Any) -> bytes:
    """An AnyValue of text, numbers, booleans, bytes, lists and maps.

    Raises:
        TypeError: OTLP has no form for the value; `prelude_otel.values.carry` sees to it that this never happens.
    """
    encode = _ENCODERS.get(type(value))
    if encode is None:
        raise TypeError(f"OTLP carries no {type(value).__name__}")
    return encode(value)


def _string(value: str) -> bytes:
    content = text(value)
    size = len(content)
    return b"\x0a%c%b" % (size, content) if size < 128 else b"\x0a" + varint(size) + content


def _list(values: list[Any]) -> bytes:
    return length_delimited(b"\x2a", b"".join([length_delimited(b"\x0a", any_value(item)) for item in values]))


def _map(values: Mapping[str, Any]) -> bytes:
    return length_delimited(b"\x32", entries(values))


def entries(values: Mapping[str, Any]) -> bytes:
    """The content of an AnyValue's map (KeyValueList). Flat for scalars: most of an encoding's time goes into these."""
    parts = []
    for key, value in values.items():
        text_heads, heads = _keys[key]
        kind = type(value)
        if kind is str:
            content = value.encode("utf-8", "replace")
            parts.append(text_heads[len(content)])
        else:
            if kind is int:
                content = b"\x18" + varint(value)
            elif kind is float:
                content = _DOUBLE(0x21, value)
            else:
                content = any_value(value)
            parts.append(heads[len(content)])
        parts.append(content)
    return b"".join(parts)


class _Keys(dict[str, tuple[Heads, Heads]]):
    """Keys of maps -> the heads of their entries, of text and of any other value."""

    def __missing__(self, key: str) -> tuple[Heads, Heads]:
        prefix = key_prefix(key)
        heads = Heads(b"\x0a", prefix, b"\x0a"), Heads(b"\x0a", prefix)
        if len(key) <= _REMEMBERED_LENGTH and len(self) < _REMEMBERED_COUNT:
            self[key] = heads
        return heads


_keys: Final = _Keys()
_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _string,
    int: lambda value: b"\x18" + varint(value),
    float: lambda value: _DOUBLE(0x21, value),
    bool: lambda value: b"\x10\x01" if value else b"\x10\x00",
    type(None): lambda _: b"",
    dict: _map,
    list: _list,
    bytes: lambda value: length_delimited(b"\x3a", value),
}
