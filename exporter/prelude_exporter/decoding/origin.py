"""Where a row came from, and its bytes again when the quarantine wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, overload

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prelude_exporter.decoding import wire
from prelude_store.row import Payload

__all__ = ["Origin", "Payloads", "Request", "signal_of"]

_LOGS: Final = 3

Origin = tuple[Any, ...]
"""``(ResourceLogs, ScopeLogs, LogRecord)`` or ``(ResourceSpans, ScopeSpans, Span, Event)``, messages of `wire`; or a `Request` of
logs, and which resource, scope and record of it."""


class Request:
    """A request of logs whose messages are made when somebody asks for one: most never are."""

    __slots__ = ("_content", "_parsed")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._parsed: Any = None

    def messages(self, outer: int, scope: int, record: int) -> Origin:
        """The messages at this place.

        Raises:
            DecodeError: it is no OTLP.
        """
        if self._parsed is None:
            self._parsed = wire.LogsRequest.FromString(self._content)
        resource_logs = self._parsed.resource_logs[outer]
        scope_logs = resource_logs.scope_logs[scope]
        return resource_logs, scope_logs, scope_logs.log_records[record]


def signal_of(origin: Origin) -> str:
    """``logs`` or ``traces``."""
    return "logs" if len(origin) == _LOGS or isinstance(origin[0], Request) else "traces"


class Payloads(Sequence[Payload]):
    """For each row a request of its own that holds only the record which it was made from, with resource and scope.

    The bytes are made when they are asked for: most never are. They are the same whether the record came straight or by a Collector,
    which writes fields in falling order, and messages that are empty as well: so it is one entry of the quarantine.
    """

    __slots__ = ("_origins",)

    def __init__(self, origins: Sequence[Origin]) -> None:
        self._origins = origins

    def __len__(self) -> int:
        return len(self._origins)

    @overload
    def __getitem__(self, index: int) -> Payload: ...
    @overload
    def __getitem__(self, index: slice) -> Payloads: ...
    def __getitem__(self, index: int | slice) -> Payload | Payloads:
        if isinstance(index, slice):
            return Payloads(self._origins[index])
        origin = self._origins[index]
        signal = signal_of(origin)
        if isinstance(origin[0], Request):
            origin = origin[0].messages(*origin[1:])
        return Payload(signal, _logs(*origin) if signal == "logs" else _traces(*origin))


def _logs(outer: Any, scope: Any, record: Any) -> bytes:
    request = wire.LogsRequest()
    inner = _envelope(request.resource_logs.add(), outer).scope_logs.add()
    mine = _scope(inner, scope).log_records.add()
    mine.CopyFrom(record)
    if not mine.body:
        mine.ClearField("body")
    return _in_order(ExportLogsServiceRequest, request.SerializeToString())


def _traces(outer: Any, scope: Any, span: Any, event: Any) -> bytes:
    request = wire.TracesRequest()
    inner = _envelope(request.resource_spans.add(), outer).scope_spans.add()
    lone = _scope(inner, scope).spans.add()
    lone.CopyFrom(span)
    if not lone.status.ByteSize():
        lone.ClearField("status")
    del lone.events[:]
    lone.events.add().CopyFrom(event)
    return _in_order(ExportTraceServiceRequest, request.SerializeToString())


def _in_order(message: Any, content: bytes) -> bytes:
    """`content` with its fields in the order of their numbers; as it is where a text in it is no UTF-8."""
    try:
        return bytes(message.FromString(content).SerializeToString(deterministic=True))
    except DecodeError:
        return content


def _envelope(mine: Any, theirs: Any) -> Any:
    if theirs.HasField("resource") and theirs.resource.ByteSize():
        mine.resource.CopyFrom(theirs.resource)
    return _with_schema_url(mine, theirs.schema_url)


def _scope(mine: Any, theirs: Any) -> Any:
    if theirs.HasField("scope") and theirs.scope.ByteSize():
        mine.scope.CopyFrom(theirs.scope)
    return _with_schema_url(mine, theirs.schema_url)


def _with_schema_url(mine: Any, url: str | bytes) -> Any:
    if isinstance(url, bytes):  # no UTF-8: read so, it can't be set so
        mine.MergeFromString(b"\x1a%b%b" % (_varint(len(url)), url))
    elif url:
        mine.schema_url = url
    return mine


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
