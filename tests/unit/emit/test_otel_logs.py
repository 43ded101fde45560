"""A record that reaches the application's processors is the SDK's own record, whichever way it took."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given, settings
from opentelemetry import trace
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from prelude_otel.attributes import record_attributes
from prelude_otel.event import ActivityEvent
from prelude_otel.otel import context_with, logger_of
from prelude_otel.otel_logs import Emit, log_emitter, public_emitter
from tests.unit.emit.test_encoding import events

pytestmark = pytest.mark.skipif(
    "log_record_limits" not in inspect.signature(LoggerProvider).parameters,
    reason="this SDK is older than the quick way, and gets its records the public way",
)

SPAN = trace.NonRecordingSpan(trace.SpanContext(1 << 90, 2, is_remote=False, trace_flags=trace.TraceFlags(1)))


class Kept(LogRecordProcessor):
    """What a processor of the application's is given."""

    def __init__(self) -> None:
        self.records: list[ReadWriteLogRecord] = []

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self.records.append(log_record)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def application(limits: LogRecordLimits | None = None) -> tuple[LoggerProvider, Kept]:
    """A LoggerProvider as an application sets it up."""
    provider = LoggerProvider(Resource({"service.name": "crm"}), shutdown_on_exit=False, log_record_limits=limits)
    kept = Kept()
    provider.add_log_record_processor(kept)
    return provider, kept


def is_public(emit: Emit) -> bool:
    return emit.__qualname__.startswith(public_emitter.__name__)


def sent(emit: Emit, event: ActivityEvent) -> None:
    span = None if event.span_context is None else trace.NonRecordingSpan(event.span_context)
    emit(
        event.kind.event_name,
        record_attributes(event),
        event.start_ns,
        event.start_ns + 1,
        span,
        event.status == "error",
    )


def told(record: ReadWriteLogRecord) -> str:
    """All that a processor can see of a record."""
    inner = vars(record.log_record)
    attributes: Any = inner["attributes"]
    context = inner["context"]
    return repr(
        (
            type(record),
            type(record.log_record),
            list(attributes.items()),
            attributes.dropped,
            attributes.maxlen,
            attributes.max_value_len,
            {name: value for name, value in inner.items() if name not in ("attributes", "context")},
            trace.get_current_span(context).get_span_context(),
            len(context),
            record.resource,
            record.instrumentation_scope,
            record.limits,
            record.dropped_attributes,
        )
    )


@given(events())
@settings(max_examples=150, deadline=None)
def test_the_quick_record_is_the_public_way_s_record(event: ActivityEvent) -> None:
    provider, kept = application()
    quick, public = log_emitter(provider), public_emitter(logger_of(provider))
    assert not is_public(quick)
    sent(quick, event)
    sent(public, event)
    first, second = kept.records
    assert told(first) == told(second)


def test_a_processor_may_change_a_quick_record() -> None:
    provider, kept = application()
    log_emitter(provider)("prelude.crm.x", {"user.email": "a@b.com"}, 1, 2, SPAN, False)
    attributes: Any = kept.records[0].log_record.attributes
    attributes["user.email"] = "redacted"
    attributes["tags"] = ["a"]
    del attributes["user.email"]
    assert dict(attributes) == {"tags": ("a",)}


def test_where_the_application_cuts_attributes_its_sdk_cuts_ours() -> None:
    provider, kept = application(LogRecordLimits(max_log_record_attribute_length=3))
    emit = log_emitter(provider)
    assert is_public(emit)
    emit("prelude.crm.x", {"a": "12345", "b": "12345"}, 1, 2, SPAN, False)
    assert dict(kept.records[0].log_record.attributes or {}) == {"a": "123", "b": "123"}


def test_where_the_application_limits_the_count_its_sdk_drops_ours() -> None:
    provider, kept = application(LogRecordLimits(max_log_record_attributes=1))
    emit = log_emitter(provider)
    assert is_public(emit)
    with pytest.warns(Warning, match="dropped"):
        emit("prelude.crm.x", {"a": "12345", "b": "12345"}, 1, 2, SPAN, False)
    assert dict(kept.records[0].log_record.attributes or {}) == {"b": "12345"}


def test_a_value_that_needs_cleaning_is_cleaned_by_the_sdk() -> None:
    provider, kept = application()
    log_emitter(provider)("prelude.crm.x", {"prelude.action.data": {"list": [1, {"a": []}]}}, 1, 2, SPAN, False)
    assert dict(kept.records[0].log_record.attributes or {}) == {"prelude.action.data": {"list": (1, {"a": ()})}}


def test_another_logger_gets_records_the_public_way() -> None:
    emit = log_emitter(NoOpLoggerProvider())
    assert is_public(emit)
    emit("prelude.crm.x", {}, 1, 2, SPAN, False)


def test_an_sdk_that_builds_its_records_otherwise_gets_them_the_public_way(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = BoundedAttributes.__init__

    def newer(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        self.something_new = 0

    monkeypatch.setattr(BoundedAttributes, "__init__", newer)
    assert is_public(log_emitter(application()[0]))


def test_an_sdk_without_what_the_quick_way_looks_for_is_a_problem_told_not_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider, kept = application()
    logger: Any = logger_of(provider)
    del logger._log_record_limits
    emit = log_emitter(type("Provider", (), {"get_logger": lambda *_: logger})())
    assert is_public(emit)
    assert "looking for the quick way to log records" in caplog.text
    assert kept.records == []


def test_a_context_with_a_span_is_the_api_s() -> None:
    context = trace.set_span_in_context(SPAN)
    assert context_with(SPAN, trace.set_span_in_context(trace.INVALID_SPAN)) == context
    assert type(context_with(SPAN, context)) is type(context)
