"""OTLP/JSON as the same request in protobuf bytes, so that one decoder reads both.

`google.protobuf.json_format` reads another JSON: there ids are base64, here hexadecimal; it knows no leniency about unknown fields
in the middle of lists, and refuses lone surrogates (OTLP spec, "JSON Protobuf Encoding"). Fields that the exporter has no use for
but a replay might want (severity, body, links, status) are kept; unknown ones are passed over.
"""

from __future__ import annotations

import binascii
import json
import math
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from prelude_exporter.errors import MalformedRequestError

__all__ = ["to_protobuf"]

Encode = Callable[[Any, str], bytes]
"""The bytes of a value, as a field's content; the path is for messages."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MORE: Final = 0x80
_MASK: Final = 0xFFFFFFFFFFFFFFFF


def to_protobuf(signal: Literal["logs", "traces"], body: bytes) -> bytes:
    """The request of `body`, an OTLP/JSON text in UTF-8, as protobuf.

    Raises:
        MalformedRequestError: it is no JSON, or no OTLP; says where.
    """
    try:
        document = json.loads(body)
        return _LOGS(document, "$") if signal == "logs" else _TRACES(document, "$")
    except RecursionError as error:
        raise MalformedRequestError("the JSON is nested too deep") from error
    except (ValueError, UnicodeError) as error:
        raise MalformedRequestError(f"the body is no JSON: {error}") from error


def _wrong(path: str, expected: str, value: Any) -> MalformedRequestError:
    return MalformedRequestError(f"{path}: expected {expected}, got {str(value)[:100]!r}")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= _MORE:
        out.append(number & 0x7F | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Field:
    """One field of a message: its number on the wire, and how its value is encoded."""

    __slots__ = ("encode", "repeated", "tag", "wire_type")

    def __init__(self, number: int, wire_type: int, encode: Encode, *, repeated: bool = False) -> None:
        self.tag = _varint(number << 3 | wire_type)
        self.wire_type = wire_type
        self.encode = encode
        self.repeated = repeated

    def write(self, value: Any, path: str) -> bytes:
        content = self.encode(value, path)
        return self.tag + (_varint(len(content)) + content if self.wire_type == _BYTES else content)


def _message(fields: Mapping[str, _Field]) -> Encode:
    def encode(value: Any, path: str) -> bytes:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        out = []
        for name, inner in value.items():
            field = fields.get(name)
            if field is None or inner is None:
                continue
            if not field.repeated:
                out.append(field.write(inner, f"{path}.{name}"))
            elif isinstance(inner, list):
                out += [field.write(item, f"{path}.{name}[{index}]") for index, item in enumerate(inner)]
            else:
                raise _wrong(f"{path}.{name}", "an array", inner)
        return b"".join(out)

    return encode


def _text(value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise _wrong(path, "a string", value)
    return value.encode("utf-8", "surrogatepass")  # the mapping mends a lone surrogate, and says so


def _whole(value: Any, path: str) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise _wrong(path, "an integer", value) from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong(path, "an integer", value)


def _integer(value: Any, path: str) -> bytes:
    number = _whole(value, path)
    if not -(2**63) <= number < 2**63:
        raise _wrong(path, "an integer of 64 bits", value)
    return _varint(number & _MASK)


def _enumeration(value: Any, path: str) -> bytes:
    # The specification allows numbers alone; some send the names, which nothing here reads.
    return b"\0" if isinstance(value, str) and not value.isdigit() else _integer(value, path)


def _boolean(value: Any, path: str) -> bytes:
    if not isinstance(value, bool):
        raise _wrong(path, "true or false", value)
    return b"\1" if value else b"\0"


def _fixed(form: str, bits: int) -> Encode:
    def encode(value: Any, path: str) -> bytes:
        number = _whole(value, path)
        if not 0 <= number < 2**bits:
            raise _wrong(path, f"an unsigned integer of {bits} bits", value)
        return struct.pack(form, number)

    return encode


def _double(value: Any, path: str) -> bytes:
    if isinstance(value, str):
        try:
            value = float(value)  # "NaN", "Infinity", "-Infinity", and numbers in quotes (ProtoJSON)
        except ValueError:
            raise _wrong(path, "a number", value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, "a number", value)
    try:
        return struct.pack("<d", value)
    except OverflowError:
        return struct.pack("<d", math.copysign(math.inf, value))


def _hexadecimal(value: Any, path: str) -> bytes:
    try:
        return binascii.unhexlify(_text(value, path))
    except binascii.Error:
        raise _wrong(path, "hexadecimal digits", value) from None


def _base64(value: Any, path: str) -> bytes:
    text = _text(value, path).replace(b"-", b"+").replace(b"_", b"/")
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise _wrong(path, "base64", value) from None


def _submessage(number: int, encode: Encode) -> _Field:
    return _Field(number, _BYTES, encode)


def _list(number: int, encode: Encode) -> _Field:
    return _Field(number, _BYTES, encode, repeated=True)


def _value(value: Any, path: str) -> bytes:
    return _ANY_VALUE(value, path)


_string: Final = _submessage
_KEY_VALUE: Final = _message({"key": _string(1, _text), "value": _submessage(2, _value)})
_ANY_VALUE: Final = _message(
    {
        "stringValue": _string(1, _text),
        "boolValue": _Field(2, _VARINT, _boolean),
        "intValue": _Field(3, _VARINT, _integer),
        "doubleValue": _Field(4, _FIXED64, _double),
        "arrayValue": _submessage(5, _message({"values": _list(1, _value)})),
        "kvlistValue": _submessage(6, _message({"values": _list(1, _KEY_VALUE)})),
        "bytesValue": _submessage(7, _base64),
    }
)
_DROPPED: Final = _fixed("<I", 32)


def _count(value: Any, path: str) -> bytes:
    return _varint(_whole(value, path) & 0xFFFFFFFF)


_RESOURCE: Final = _message({"attributes": _list(1, _KEY_VALUE), "droppedAttributesCount": _Field(2, _VARINT, _count)})
_SCOPE: Final = _message(
    {
        "name": _string(1, _text),
        "version": _string(2, _text),
        "attributes": _list(3, _KEY_VALUE),
        "droppedAttributesCount": _Field(4, _VARINT, _count),
    }
)
_LOG_RECORD: Final = _message(
    {
        "timeUnixNano": _Field(1, _FIXED64, _fixed("<Q", 64)),
        "severityNumber": _Field(2, _VARINT, _enumeration),
        "severityText": _string(3, _text),
        "body": _submessage(5, _value),
        "attributes": _list(6, _KEY_VALUE),
        "droppedAttributesCount": _Field(7, _VARINT, _count),
        "flags": _Field(8, _FIXED32, _fixed("<I", 32)),
        "traceId": _submessage(9, _hexadecimal),
        "spanId": _submessage(10, _hexadecimal),
        "observedTimeUnixNano": _Field(11, _FIXED64, _fixed("<Q", 64)),
        "eventName": _string(12, _text),
    }
)
_EVENT: Final = _message(
    {
        "timeUnixNano": _Field(1, _FIXED64, _fixed("<Q", 64)),
        "name": _string(2, _text),
        "attributes": _list(3, _KEY_VALUE),
        "droppedAttributesCount": _Field(4, _VARINT, _count),
    }
)
_LINK: Final = _message(
    {
        "traceId": _submessage(1, _hexadecimal),
        "spanId": _submessage(2, _hexadecimal),
        "traceState": _string(3, _text),
        "attributes": _list(4, _KEY_VALUE),
        "droppedAttributesCount": _Field(5, _VARINT, _count),
        "flags": _Field(6, _FIXED32, _fixed("<I", 32)),
    }
)
_SPAN: Final = _message(
    {
        "traceId": _submessage(1, _hexadecimal),
        "spanId": _submessage(2, _hexadecimal),
        "traceState": _string(3, _text),
        "parentSpanId": _submessage(4, _hexadecimal),
        "name": _string(5, _text),
        "kind": _Field(6, _VARINT, _enumeration),
        "startTimeUnixNano": _Field(7, _FIXED64, _fixed("<Q", 64)),
        "endTimeUnixNano": _Field(8, _FIXED64, _fixed("<Q", 64)),
        "attributes": _list(9, _KEY_VALUE),
        "droppedAttributesCount": _Field(10, _VARINT, _count),
        "events": _list(11, _EVENT),
        "droppedEventsCount": _Field(12, _VARINT, _count),
        "links": _list(13, _LINK),
        "droppedLinksCount": _Field(14, _VARINT, _count),
        "status": _submessage(15, _message({"message": _string(2, _text), "code": _Field(3, _VARINT, _enumeration)})),
        "flags": _Field(16, _FIXED32, _fixed("<I", 32)),
    }
)


def _request(outer: str, inner: str, record: str, encode: Encode) -> Encode:
    scopes = _message(
        {
            "scope": _submessage(1, _SCOPE),
            record: _list(2, encode),
            "schemaUrl": _string(3, _text),
        }
    )
    resources = _message(
        {
            "resource": _submessage(1, _RESOURCE),
            inner: _list(2, scopes),
            "schemaUrl": _string(3, _text),
        }
    )
    return _message({outer: _list(1, resources)})


_LOGS: Final = _request("resourceLogs", "scopeLogs", "logRecords", _LOG_RECORD)
_TRACES: Final = _request("resourceSpans", "scopeSpans", "spans", _SPAN)
