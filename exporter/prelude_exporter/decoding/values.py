"""Attributes from bytes: one KeyValue, or one AnyValue, as Python values.

The usual encodings (fields in order, each once, lengths below 16 kB) are cut out by hand, by index; every other one goes through
the derived messages of `wire`, which give what the OTLP specification says. Text that is no UTF-8 comes out with surrogate
escapes, for `texts` to mend.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from typing import Any, Final

from google.protobuf.message import DecodeError

from prelude_exporter.decoding import wire
from prelude_otel.errors import ContractError

__all__ = ["INTEGER", "INTEGER_BITS", "KEY", "MANY", "MAP", "MAX_DEPTH", "STRING", "TOO_DEEP", "VALUE", "key_and_place", "key_and_value", "map_in", "shallow", "value_in"]  # fmt: skip

_double: Final = struct.Struct("<d").unpack_from
MANY: Final = 0x80  # a byte with this bit has another one after it (varint)
KEY, VALUE = 0x0A, 0x12  # fields 1 and 2 of KeyValue
_SMALL: Final = 2  # bytes of an integer below 128: tag and number
INTEGER_BITS: Final = 64
_ITEM: Final = 0x0A  # field 1 of KeyValueList and ArrayValue
STRING, _BOOL, INTEGER, _DOUBLE, _ARRAY, MAP = 0x0A, 0x10, 0x18, 0x21, 0x2A, 0x32  # fields of AnyValue
MAX_DEPTH: Final = 32
"""Maps and lists inside each other that are kept; an attribute that is a map is the first."""


class _TooDeep:
    """Stands where maps or lists are nested deeper than `MAX_DEPTH`."""

    def __repr__(self) -> str:
        return "…"


TOO_DEEP: Final = _TooDeep()


class _UnusualError(Exception):
    """An encoding that is left to the derived messages."""


def key_and_place(attribute: bytes) -> tuple[bytes, tuple[bytes, int, int]]:
    """The key of a KeyValue, and where its AnyValue stands, as `value_in` takes it.

    Raises:
        ContractError: it is no KeyValue.
    """
    try:
        if attribute[0] == KEY and attribute[1] < MANY:
            at = attribute[1] + 2
            if attribute[at] == VALUE:
                start, stop = _extent(attribute, at + 1)
                if stop == len(attribute):
                    return attribute[2:at], (attribute, start, stop)
        elif attribute[0] == VALUE:  # as the Collector writes it
            start, stop = _extent(attribute, 1)
            if (
                attribute[stop] == KEY
                and attribute[stop + 1] < MANY
                and attribute[stop + 1] + stop + 2 == len(attribute)
            ):
                return attribute[stop + 2 :], (attribute, start, stop)
    except (IndexError, _UnusualError):
        pass
    try:
        message = wire.KeyValue.FromString(attribute)
    except DecodeError as error:
        raise ContractError("malformed_attribute", f"an attribute that is no KeyValue: {error}") from error
    value = message.value.SerializeToString()
    return _as_bytes(message.key), (value, 0, len(value))


def key_and_value(attribute: bytes) -> tuple[bytes, Any]:
    """Key and Python value of a KeyValue.

    Raises:
        ContractError: it is no KeyValue.
    """
    key, place = key_and_place(attribute)
    return key, value_in(*place)


def map_in(buffer: bytes, at: int, stop: int) -> dict[str, Any] | None:
    """The map whose items stand in `buffer` from `at` to `stop`; None where they are encoded in an unusual way."""
    try:
        return _map(buffer, at, stop, 1)
    except (_UnusualError, IndexError, struct.error, UnicodeDecodeError, ContractError):
        return None


def value_in(buffer: bytes, at: int, stop: int) -> Any:
    """The Python value of the AnyValue that stands in `buffer` from `at` to `stop`.

    Returns:
        None, str, bool, int, float, list or dict; bytes as base64 text (as in OTLP/JSON); `TOO_DEEP` for maps and lists that are
        nested deeper than `MAX_DEPTH`.

    Raises:
        ContractError: it is no AnyValue.
    """
    try:
        return _value(buffer, at, stop, 0)
    except (_UnusualError, IndexError, struct.error, UnicodeDecodeError):
        return _patient_value(buffer[at:stop], 0)


def shallow(value: Any, depth: int = 0) -> Any:
    """`value` with `TOO_DEEP` for what is nested deeper than `MAX_DEPTH`."""
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_DEPTH:
        return TOO_DEEP
    if isinstance(value, list):
        return [shallow(item, depth + 1) for item in value]
    return {key: shallow(item, depth + 1) for key, item in value.items()}


def _extent(buffer: bytes, at: int) -> tuple[int, int]:
    """Where the bytes start and stop whose length stands at `at`."""
    size = buffer[at]
    if size < MANY:
        return at + 1, at + 1 + size
    more = buffer[at + 1]
    if more >= MANY:
        raise _UnusualError
    return at + 2, at + 2 + (size & 0x7F | more << 7)


def _value(buffer: bytes, at: int, stop: int, depth: int) -> Any:
    if at == stop:
        return None
    tag = buffer[at]
    if tag == STRING and buffer[at + 1] == stop - at - 2 < MANY:
        return buffer[at + 2 : stop].decode()
    if tag == INTEGER:
        return _integer(buffer, at + 1, stop)
    if tag == _DOUBLE and stop == at + 9:
        return _double(buffer, at + 1)[0]
    if tag == _BOOL and stop == at + 2 and buffer[at + 1] < MANY:
        return buffer[at + 1] != 0
    start, end = _extent(buffer, at + 1)
    if end == stop:
        if tag == STRING:
            return buffer[start:stop].decode()
        if depth < MAX_DEPTH:
            if tag == MAP:
                return _map(buffer, start, stop, depth + 1)
            if tag == _ARRAY:
                return _array(buffer, start, stop, depth + 1)
    raise _UnusualError


def _map(buffer: bytes, at: int, end: int, depth: int) -> dict[str, Any]:  # noqa: PLR0912 (in one piece: a call more shows)
    items: dict[str, Any] = {}
    while at < end:
        if buffer[at] != _ITEM:
            raise _UnusualError
        size = buffer[at + 1]
        at += 2
        if size >= MANY:
            at, stop = _extent(buffer, at - 1)
        else:
            stop = at + size
        size = buffer[at + 1]
        if stop > end or buffer[at] != KEY or size >= MANY:
            if stop > end or buffer[at] != VALUE:
                raise _UnusualError
            at, value_end = _extent(buffer, at + 1)  # as the Collector writes it
            if buffer[value_end] != KEY or not buffer[value_end + 1] == stop - value_end - 2 < MANY:
                raise _UnusualError
            items[buffer[value_end + 2 : stop].decode()] = _value(buffer, at, value_end, depth)
            at = stop
            continue
        key_at = at + 2
        at = key_at + size
        if buffer[at] != VALUE:
            raise _UnusualError
        value_at = at + 2
        size = buffer[at + 1]
        if size >= MANY:
            value_at, value_end = _extent(buffer, at + 1)
            size = value_end - value_at
        if value_at + size != stop:
            raise _UnusualError
        key = buffer[key_at:at].decode()
        tag = buffer[value_at] if size else 0
        # The shapes of most fields, without another call.
        if tag == STRING and buffer[value_at + 1] == size - 2 < MANY:
            items[key] = buffer[value_at + 2 : stop].decode()
        elif tag == INTEGER:
            number = buffer[value_at + 1]
            items[key] = number if size == _SMALL and number < MANY else _integer(buffer, value_at + 1, stop)
        else:
            items[key] = _value(buffer, value_at, stop, depth)
        at = stop
    return items


def _array(buffer: bytes, at: int, end: int, depth: int) -> list[Any]:
    items = []
    while at < end:
        if buffer[at] != _ITEM:
            raise _UnusualError
        start, at = _extent(buffer, at + 1)
        if at > end:
            raise _UnusualError
        items.append(_value(buffer, start, at, depth))
    return items


def _integer(buffer: bytes, at: int, stop: int) -> int:
    number = shift = 0
    last = stop - 1
    while at < last:
        byte = buffer[at]
        if byte < MANY:
            raise _UnusualError
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    byte = buffer[at]
    if byte >= MANY or at != last or shift >= INTEGER_BITS:
        raise _UnusualError
    number = (number | byte << shift) & 0xFFFFFFFFFFFFFFFF
    return number - 0x10000000000000000 if number >> 63 else number


def _patient_value(value: bytes, depth: int) -> Any:
    try:
        message = wire.AnyValue.FromString(value)
    except DecodeError as error:
        raise ContractError("malformed_attribute", f"a value that is no AnyValue: {error}") from error
    kind = message.WhichOneof("value")
    if kind is None or kind == "string_value_strindex":  # the latter belongs to profiles alone
        return None
    inner = getattr(message, kind)
    if kind in ("array_value", "kvlist_value") and depth == MAX_DEPTH:
        return TOO_DEEP
    if kind == "array_value":
        return [_patient_value(item, depth + 1) for item in inner.values]
    if kind == "kvlist_value":
        pairs = [key_and_place(item) for item in inner.values]
        return {
            key.decode("utf-8", "surrogateescape"): _patient_value(buffer[at:stop], depth + 1)
            for key, (buffer, at, stop) in pairs
        }
    if kind == "bytes_value":
        return b64encode(inner).decode("ascii")
    if kind == "string_value":
        return _as_bytes(inner).decode("utf-8", "surrogateescape")
    return inner


def _as_bytes(text: str | bytes) -> bytes:
    """A string field of proto2: bytes where it is no UTF-8."""
    return text if isinstance(text, bytes) else text.encode()
