"""OTLP requests in bytes become rows, span lengths and records for the quarantine. Pure: no socket, no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError

from prelude_exporter.decoding import wire
from prelude_exporter.decoding.counting import check_count
from prelude_exporter.decoding.mapping import Mapper, trace_context
from prelude_exporter.decoding.origin import Origin, Payloads, signal_of
from prelude_exporter.decoding.texts import Notes, clean
from prelude_exporter.decoding.values import key_and_place, key_and_value
from prelude_exporter.errors import MalformedRequestError
from prelude_exporter.sender import Sender
from prelude_otel.catalogue import Catalogue
from prelude_otel.contract.attributes import ACTION_NAME, ACTION_TYPE, EVENT_PREFIX, PROBE_EVENT, SPAN_MEASURED
from prelude_otel.errors import ContractError
from prelude_store.batch import Batch
from prelude_store.row import ActivityRow, Probe, Quarantined, SpanLength

__all__ = ["Decoded", "Decoder"]

_LONGEST_SPAN: Final = 2**63 - 1
_PREFIX: Final = EVENT_PREFIX.encode()
_MEASURED: Final = SPAN_MEASURED.encode()
_KEYS: Final = {ACTION_TYPE.encode(), ACTION_NAME.encode()}


@dataclass(slots=True)
class Decoded:
    """What one request holds.

    Args:
        origins: parallel to `rows`, where each came from.
        passed_over: log records and span events that are no activities.
        spans_passed_over: spans that no record waits for.
    """

    rows: list[ActivityRow] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    spans: list[SpanLength] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    passed_over: int = 0
    spans_passed_over: int = 0

    def batch(self) -> Batch:
        """All of it, for a `prelude_store.writer.Writer`."""
        return Batch(self.rows, self.spans, self.quarantined, self.probes, Payloads(self.origins))


class Decoder:
    """Decodes and maps requests; one for each thread, since it remembers attributes that repeat.

    Args:
        catalogue: what the activities may carry; the reference's eighteen when not given.
        max_records: of one request; any number when not given.
    """

    __slots__ = ("_mapper", "_max_records")

    def __init__(self, catalogue: Catalogue | None = None, max_records: int | None = None) -> None:
        self._mapper = Mapper(catalogue)
        self._max_records = max_records

    def logs(self, request: bytes, sender: Sender | None = None) -> Decoded:
        """Decode an ``ExportLogsServiceRequest``.

        Args:
            sender: whose request it is; activities of a service that it may not speak for are quarantined. Anybody's when not given.

        Raises:
            MalformedRequestError: it is none.
            TooLargeError: it has too many records.
        """
        decoded = Decoded()
        if self._max_records is not None:
            check_count("logs", request, self._max_records)
        for outer in _parse(wire.LogsRequest, request).resource_logs:
            service = _service_name(outer.resource.attributes)
            if sender is None or sender.may_speak_for(service):
                for scope in outer.scope_logs:
                    self._records(decoded, outer, scope, service)
            else:
                _refuse_logs(decoded, outer, service, sender)
        return decoded

    def _records(self, decoded: Decoded, outer: Any, scope: Any, service: str | None) -> None:
        """The hot loop: what `_event` does, without a call for each record."""
        to_row = self._mapper.event
        add_row, add_origin = decoded.rows.append, decoded.origins.append
        for record in scope.log_records:
            name = record.event_name
            attributes = record.attributes
            if name.__class__ is not str or name[:8] != EVENT_PREFIX or name == PROBE_EVENT:
                self._other_record(decoded, (outer, scope, record), record, service)
                continue
            try:
                time_ns = record.time_unix_nano or record.observed_time_unix_nano
                add_row(to_row(name, time_ns, attributes, record.trace_id, record.span_id, service, None, record))
                add_origin((outer, scope, record))
            except Exception as error:  # noqa: BLE001 (one record never costs its neighbours, whatever our code makes of it)
                _quarantine(decoded, (outer, scope, record), error)

    def record(self, decoded: Decoded, content: bytes, origin: Origin, service: str | None) -> None:
        """Add what one ``LogRecord`` is to `decoded`: the slow way to do what `logs` does for each.

        Args:
            service: the ``service.name`` of its resource.

        Raises:
            MalformedRequestError: it is none.
        """
        self._other_record(decoded, origin, _parse(wire.LogRecord, content), service)

    def _other_record(self, decoded: Decoded, origin: Origin, record: Any, service: str | None) -> None:
        if _is_activity(record.event_name, record.attributes):
            time_ns = record.time_unix_nano or record.observed_time_unix_nano
            self._event(decoded, origin, record, time_ns, record.trace_id, record.span_id, service, None)
        else:
            decoded.passed_over += 1

    def traces(self, request: bytes, sender: Sender | None = None) -> Decoded:
        """Decode an ``ExportTraceServiceRequest``.

        Args:
            sender: as in `logs`; spans of a service that it may not speak for are passed over.

        Raises:
            MalformedRequestError: it is none.
            TooLargeError: it has too many records.
        """
        decoded = Decoded()
        if self._max_records is not None:
            check_count("traces", request, self._max_records)
        for outer in _parse(wire.TracesRequest, request).resource_spans:
            service = _service_name(outer.resource.attributes)
            if not (sender is None or sender.may_speak_for(service)):
                _refuse_traces(decoded, outer, service, sender)
                continue
            for scope in outer.scope_spans:
                measured = _measured(scope.scope.attributes)  # our own emitter says it of all its spans at once
                for span in scope.spans:
                    length = min(max(span.end_time_unix_nano - span.start_time_unix_nano, 0), _LONGEST_SPAN)
                    trace_id, span_id = trace_context(span.trace_id, span.span_id)
                    if not measured and trace_id and span_id and span.end_time_unix_nano and _may_be_waited_for(span):
                        decoded.spans.append(SpanLength(trace_id, span_id, length))
                    else:
                        decoded.spans_passed_over += 1
                    for event in span.events:
                        if not _is_activity(event.name, event.attributes):
                            decoded.passed_over += 1
                            continue
                        origin = (outer, scope, span, event)
                        self._event(
                            decoded, origin, event, event.time_unix_nano, span.trace_id, span.span_id, service, length
                        )
        return decoded

    def _event(
        self,
        decoded: Decoded,
        origin: Origin,
        event: Any,
        time_ns: int,
        trace_id: bytes,
        span_id: bytes,
        service: str | None,
        span_ns: int | None,
    ) -> None:
        name = _text(event.name if signal_of(origin) == "traces" else event.event_name)
        try:
            if name == PROBE_EVENT:
                decoded.probes.append(self._mapper.probe(time_ns, event.attributes, service))
                return
            row = self._mapper.event(name, time_ns, event.attributes, trace_id, span_id, service, span_ns, event)
            decoded.rows.append(row)
            decoded.origins.append(origin)
        except Exception as error:  # noqa: BLE001 (as above)
            _quarantine(decoded, origin, error)


def _parse(message: Any, request: bytes) -> Any:
    try:
        return message.FromString(request)
    except DecodeError as error:
        raise MalformedRequestError(f"these {len(request)} bytes are no OTLP request: {error}") from error


def _refuse_logs(decoded: Decoded, outer: Any, service: str | None, sender: Sender) -> None:
    for scope in outer.scope_logs:
        for record in scope.log_records:
            if _is_activity(record.event_name, record.attributes):
                _quarantine(decoded, (outer, scope, record), _not_allowed(service, sender))
            else:
                decoded.passed_over += 1


def _refuse_traces(decoded: Decoded, outer: Any, service: str | None, sender: Sender) -> None:
    for scope in outer.scope_spans:
        for span in scope.spans:
            # Its length is passed over, too: it could complete an activity of the service that it claims to be of.
            decoded.spans_passed_over += 1
            for event in span.events:
                if _is_activity(event.name, event.attributes):
                    _quarantine(decoded, (outer, scope, span, event), _not_allowed(service, sender))
                else:
                    decoded.passed_over += 1


def _not_allowed(service: str | None, sender: Sender) -> ContractError:
    what = "a record without service.name" if service is None else f"a record of service {service!r}"
    may = ", ".join(sorted(sender.services or ())) or "none"
    return ContractError("service_not_allowed", f"{what} came from {sender}, who may speak for: {may}")


def _quarantine(decoded: Decoded, origin: Origin, error: Exception) -> None:
    if isinstance(error, ContractError):
        reason, detail = error.reason, error.detail
    else:
        reason, detail = "mapping_failed", f"{type(error).__name__}: {error}"
    signal, content = Payloads([origin])[0]
    decoded.quarantined.append(Quarantined(signal, reason, clean(detail, "", Notes(), 1000), content))


def _text(text: str | bytes) -> str:
    """A string field of proto2: bytes where it is no UTF-8, which the mapping mends."""
    return text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")


def _service_name(attributes: Iterable[bytes]) -> str | None:
    try:
        for attribute in attributes:
            key, name = key_and_value(attribute)
            if key == b"service.name":
                return (clean(name, "service_name", Notes(), 200) or None) if isinstance(name, str) else None
    except ContractError:
        pass  # a resource that can't be read costs its name, not its records
    return None


def _key(attribute: bytes) -> bytes:
    """The key of a KeyValue; nothing where it is none. SDKs write the key first, the Collector the value."""
    try:
        return key_and_place(attribute)[0]
    except ContractError:
        return b""


def _ours(name: str | bytes) -> bool:
    return name.startswith(EVENT_PREFIX) if isinstance(name, str) else name.startswith(_PREFIX)


def _is_activity(name: str | bytes, attributes: Sequence[bytes]) -> bool:
    # The second half is for an emitter that can't set EventName.
    return _ours(name) or _KEYS.issubset(map(_key, attributes))


def _may_be_waited_for(span: Any) -> bool:
    if _measured(span.attributes):
        return False
    return _ours(span.name) or any(
        _PREFIX in attribute and _key(attribute).startswith(_PREFIX) for attribute in span.attributes
    )


def _measured(attributes: Iterable[bytes]) -> bool:
    """Whether records bring the length of this span, or of all spans of this scope, themselves."""
    return any(_MEASURED in item and _key(item) == _MEASURED and _says_true(item) for item in attributes)


def _says_true(attribute: bytes) -> bool:
    try:
        return key_and_value(attribute)[1] is True
    except ContractError:
        return False  # a mark that can't be read costs a row in the join at most, never its request
