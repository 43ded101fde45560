"""OTLP by hand: requests as any SDK in any language would send them."""

from __future__ import annotations

import urllib.request
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

__all__ = [
    "any_value", "attributes", "field", "log_record", "nested_attribute", "post_logs", "post_spans", "python_value",
    "request_of_bytes", "span",
]  # fmt: skip


def any_value(value: Any) -> AnyValue:
    """A Python value as an AnyValue."""
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))
    raise TypeError(type(value))


def attributes(values: dict[str, Any]) -> list[KeyValue]:
    """A dict as attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of protobuf, by hand: the official library refuses to write what is nested too deep."""
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def nested_attribute(key: str, depth: int) -> bytes:
    """A KeyValue whose value is `depth` lists and maps in each other, in turn, around an integer."""
    value = b"\x18\x01"
    for number in range(depth):
        value = field(5, field(1, value)) if number % 2 else field(6, field(1, field(1, b"d") + field(2, value)))
    return field(1, key.encode()) + field(2, value)


def request_of_bytes(*records: bytes) -> bytes:
    """A logs request of records in bytes."""
    return field(1, field(2, b"".join(field(2, record) for record in records)))


def python_value(value: AnyValue) -> Any:
    """An AnyValue as a Python value."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {each.key: python_value(each.value) for each in value.kvlist_value.values}
    if kind == "array_value":
        return [python_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)


def span(name: str, *, number: int = 1, events: list[Span.Event] | None = None, **given: Any) -> Span:
    """A span of a millisecond; `given` are its attributes, with ``__`` for dots."""
    return Span(
        trace_id=number.to_bytes(16),
        span_id=number.to_bytes(8),
        name=name,
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_000_001_000_000,
        attributes=attributes({key.replace("__", "."): value for key, value in given.items()}),
        events=events or [],
        status=Status(),  # the Collector writes empty messages, too: so what arrives can be compared with what was sent
    )


def log_record(
    event_name: str, values: dict[str, Any], *, time_unix_nano: int = 1_700_000_000_000_000_000
) -> LogRecord:
    """A log record of an event."""
    return LogRecord(
        event_name=event_name, time_unix_nano=time_unix_nano, attributes=attributes(values), body=AnyValue()
    )


def post_spans(endpoint: str, *spans: Span) -> int:
    """POST one request with these spans; gives the status."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return _post(f"{endpoint}/v1/traces", request.SerializeToString())


def post_logs(endpoint: str, *records: LogRecord) -> int:
    """POST one request with these records; gives the status."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return _post(f"{endpoint}/v1/logs", request.SerializeToString())


def _post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)
