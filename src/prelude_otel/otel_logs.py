"""Log records through an application's LoggerProvider, by one of two ways that give the same record.

The public way is `Logger.emit(LogRecord(…))`. The SDK then cleans every attribute of the record, which costs more than all else
of an action; ours are clean as they come. The quick way hands the SDK a record that is ready, made of the SDK's own classes
without their cleaning. It leans on how these are built inside, so it is taken only where, at set-up, a trial record made both
ways came out the same; a record that does need cleaning goes the public way at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider as SdkLoggerProvider
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from prelude_otel import problems
from prelude_otel.contract import attributes as names
from prelude_otel.otel import context_with, logger_of

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.trace import Span

__all__ = ["Emit", "log_emitter", "public_emitter"]

Emit = Callable[[str, dict[str, Any], int, int, "Span | None", bool], None]
"""Event name, attributes (given away), start and observed time in nanoseconds, the span it belongs to, whether it is an error."""

_ENOUGH: Final = 64
"""Our records have fewer attributes than this; a lower limit of the application's drops some, by the SDK's own rules."""
_ERROR: Final = SeverityNumber.ERROR
_INFO: Final = SeverityNumber.INFO
_EMPTY: Final = Context()
_SCALARS: Final = frozenset({str, int, float, bool})
_MAPS: Final = (names.ACTION_DATA, names.RESULT_DATA)
_LISTS: Final = (names.TAGS, names.PERSONAL)


def log_emitter(provider: LoggerProvider) -> Emit:
    """How to emit through `provider`: the quick way where it is safe, else the public one."""
    logger = logger_of(provider)
    public = public_emitter(logger)
    try:
        return _quick_emitter(logger, public) if _is_safe(logger) else public
    except Exception as error:  # noqa: BLE001 (an SDK built otherwise)
        problems.report("looking for the quick way to log records", error)
        return public


def public_emitter(logger: Logger) -> Emit:
    """The way that every SDK offers. Trace and span id come from the span in the record's context."""

    def emit(
        event_name: str, attributes: dict[str, Any], start: int, observed: int, span: Span | None, error: bool
    ) -> None:
        logger.emit(
            LogRecord(
                timestamp=start,
                observed_timestamp=observed,
                context=trace.set_span_in_context(span, _EMPTY) if span is not None else _EMPTY,
                severity_number=_ERROR if error else _INFO,
                event_name=event_name,
                attributes=attributes,
            )
        )

    return emit


def _quick_emitter(logger: Any, public: Emit) -> Emit:
    limits = logger._log_record_limits  # noqa: SLF001
    max_attributes = limits.max_log_record_attributes
    scope = logger.instrumentation_scope
    new = object.__new__

    def emit(
        event_name: str, attributes: dict[str, Any], start: int, observed: int, span: Span | None, error: bool
    ) -> None:
        if span is None or not _clean(attributes):
            public(event_name, attributes, start, observed, span, error)
            return
        bounded: Any = new(BoundedAttributes)
        bounded._dict = attributes  # noqa: SLF001
        bounded.maxlen = max_attributes
        bounded.dropped = 0
        bounded.max_value_len = None
        bounded._lock = Lock()  # noqa: SLF001
        bounded._immutable = False  # noqa: SLF001
        record: Any = new(LogRecord)
        record.timestamp = start
        record.observed_timestamp = observed
        record.context = context_with(span, _EMPTY)
        record.trace_id, record.span_id, _, record.trace_flags, _, _ = span.get_span_context()
        record.severity_text = None
        record.severity_number = _ERROR if error else _INFO
        record.body = None
        record.attributes = bounded
        record.event_name = event_name
        record.exception = None
        ready: Any = new(ReadWriteLogRecord)
        ready.log_record = record
        ready.resource = logger.resource
        ready.instrumentation_scope = scope
        ready.limits = limits
        logger.emit(ready)

    return emit


def _clean(attributes: dict[str, Any]) -> bool:
    """True where the SDK's cleaning would change nothing; lists become tuples here, as it makes them."""
    for name in _MAPS:
        data = attributes.get(name)
        if data is not None and not (_SCALARS.issuperset(map(type, data.values())) and "" not in data):
            return False
    for name in _LISTS:
        if name in attributes:
            attributes[name] = tuple(attributes[name])
    return True


def _is_safe(logger: Any) -> bool:
    """True where the SDK's logger, without limits that touch us, gets the same record by both ways."""
    if type(logger).__module__.split(".")[:2] != ["opentelemetry", "sdk"]:
        return False
    limits = logger._log_record_limits  # noqa: SLF001
    most = limits.max_log_record_attributes
    if limits.max_log_record_attribute_length is not None or (most is not None and most < _ENOUGH):
        return False
    seen = _Seen()
    provider = SdkLoggerProvider(Resource({}), shutdown_on_exit=False, log_record_limits=limits)
    provider.add_log_record_processor(seen)
    trial: Any = logger_of(provider)
    if type(trial) is not type(logger):
        return False
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    span = trace.NonRecordingSpan(trace.SpanContext(1 << 100 | 1, 2, is_remote=False, trace_flags=flags))
    public = public_emitter(trial)
    for emit in (public, _quick_emitter(trial, public)):
        sample = {"text": "a", names.TAGS: ["a", "b"], names.ACTION_DATA: {"number": 1, "part": 0.5, "yes": True}}
        emit("prelude.crm.trial", sample, 1, 2, span, False)
    return len(seen.told) == 2 and seen.told[0] == seen.told[1]  # noqa: PLR2004


class _Seen(LogRecordProcessor):
    """Keeps all that there is of each record."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take it apart, down to what can be compared."""
        attributes: Any = log_record.log_record.attributes
        inside = vars(attributes) | {"_lock": type(vars(attributes)["_lock"]), "_dict": list(attributes.items())}
        record = vars(log_record.log_record) | {"attributes": (type(attributes), inside)}
        self.told.append((type(log_record), vars(log_record) | {"log_record": (type(log_record.log_record), record)}))

    def shutdown(self) -> None:
        """Nothing to give back."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Nothing waits."""
        return True
