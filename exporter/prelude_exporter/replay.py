"""What the quarantine needs to know of OTLP: entry point ``otlp`` of ``prelude.readers`` (`prelude_store.quarantine.reader`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from prelude_exporter.decoding import wire
from prelude_exporter.decoding.decode import Decoder
from prelude_exporter.decoding.texts import harmless
from prelude_exporter.decoding.values import key_and_value, value_in
from prelude_exporter.errors import MalformedRequestError
from prelude_otel.catalogue import builtin, load
from prelude_otel.errors import ContractError
from prelude_store.batch import Batch
from prelude_store.quarantine.reader import UnreadableError

__all__ = ["OtlpReader"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS: Final = 253_402_300_799_000_000_000
"""The last second of the year 9999, where the calendar of Python ends."""


class OtlpReader:
    """Reads records as the exporter does.

    Args:
        catalogues: catalogue files of the services, beside the reference's eighteen activities.

    Raises:
        CatalogueError: a catalogue file is wrong.
    """

    signals = frozenset({"logs", "traces"})

    def __init__(self, catalogues: Sequence[Path] = ()) -> None:
        catalogue = builtin()
        for path in catalogues:
            catalogue.update(load(path))
        self._decoder = Decoder(catalogue)

    def batch(self, signal: str, payload: bytes) -> Batch:
        """What the request holds now.

        Raises:
            UnreadableError: it is no OTLP.
        """
        try:
            return (self._decoder.logs(payload) if signal == "logs" else self._decoder.traces(payload)).batch()
        except MalformedRequestError as error:
            raise UnreadableError(str(error)) from None

    def readable(self, signal: str, payload: bytes) -> Any:
        """The request with its ids in hexadecimal, times in ISO 8601, and attributes as maps.

        Raises:
            UnreadableError: it is no OTLP.
        """
        try:
            if signal == "logs":
                outers = wire.LogsRequest.FromString(payload).resource_logs
                return [_resource(outer, outer.scope_logs, _log_record) for outer in outers]
            outers = wire.TracesRequest.FromString(payload).resource_spans
            return [_resource(outer, outer.scope_spans, _span) for outer in outers]
        except DecodeError as error:
            raise UnreadableError(f"these {len(payload)} bytes are no OTLP request: {error}") from None

    def rewritten(self, signal: str, payload: bytes, change: Callable[[str], str]) -> bytes:
        """The request with every text in it as `change` has it; fields that OTLP does not know are left out.

        Raises:
            UnreadableError: it is no OTLP.
        """
        try:
            message = (logs_pb2.LogsData if signal == "logs" else trace_pb2.TracesData).FromString(payload)
        except DecodeError as error:
            raise UnreadableError(f"these {len(payload)} bytes are no OTLP request: {error}") from None
        message.DiscardUnknownFields()
        _rewrite(message, change)
        rewritten: bytes = message.SerializeToString()
        return rewritten


def _rewrite(message: Any, change: Callable[[str], str]) -> None:
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            if isinstance(value, str):
                setattr(message, field.name, change(value))
            else:
                value[:] = [change(text) for text in value]
        elif field.type == field.TYPE_MESSAGE:
            for inner in (value,) if hasattr(value, "ListFields") else value:
                _rewrite(inner, change)


def _resource(outer: Any, scopes: Iterable[Any], inner: Any) -> dict[str, Any]:
    return {
        "resource": _attributes(outer.resource.attributes),
        "scopes": [
            _filled(
                name=_text(scope.scope.name),
                version=_text(scope.scope.version),
                attributes=_attributes(scope.scope.attributes),
            )
            | {"records": [inner(record) for record in (scope.log_records if inner is _log_record else scope.spans)]}
            for scope in scopes
        ],
    }


def _log_record(record: Any) -> dict[str, Any]:
    return _filled(
        event_name=_text(record.event_name),
        time=_time(record.time_unix_nano),
        observed_time=_time(record.observed_time_unix_nano),
        severity=record.severity_number,
        severity_text=_text(record.severity_text),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        body=_value(record.body),
        attributes=_attributes(record.attributes),
    )


def _span(span: Any) -> dict[str, Any]:
    return _filled(
        name=_text(span.name),
        start_time=_time(span.start_time_unix_nano),
        end_time=_time(span.end_time_unix_nano),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        attributes=_attributes(span.attributes),
        events=[
            _filled(name=_text(event.name), time=_time(event.time_unix_nano), attributes=_attributes(event.attributes))
            for event in span.events
        ],
    )


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", 0, {}, [])}


def _attributes(attributes: Iterable[bytes]) -> dict[str, Any]:
    readable: dict[str, Any] = {}
    for number, attribute in enumerate(attributes):
        try:
            key, value = key_and_value(attribute)
            readable[_text(key)] = harmless(value)
        except ContractError:
            readable[f"(attribute {number} can't be read)"] = attribute.hex()
    return readable


def _value(value: bytes) -> Any:
    try:
        return harmless(value_in(value, 0, len(value)))
    except ContractError:
        return f"(can't be read) {value.hex()}"


def _time(nanoseconds: int) -> str | None:
    if not nanoseconds:
        return None
    if nanoseconds > _LAST_NS:
        return f"{nanoseconds} ns since 1970"
    at = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000:09d}Z"


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")
