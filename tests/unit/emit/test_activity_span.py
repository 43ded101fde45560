"""Spans of our own making are exported as the SDK would have made them, whatever a handler does to them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, TraceState

from prelude_otel import activity_span, otel
from prelude_otel.activity_span import ActivitySpan, ActivityTracer
from prelude_otel.otlp.span_encode import traces_request
from prelude_otel.tracing import _Provider

START, END = 1_700_000_000_000_000_000, 1_700_000_000_005_000_000
CONTEXT = SpanContext(11, 13, True, TraceFlags(1), TraceState([("vendor", "x")]))


def failed() -> Exception:
    try:
        raise LookupError("gone")
    except LookupError as error:
        return error


DEEDS: dict[str, Callable[[Any], object]] = {
    "nothing": lambda _span: None,
    "attributes": lambda span: span.set_attributes({"a": 1, "b": "x", "c": [1, 2], "d": True, "e": 1.5}),
    "an attribute twice": lambda span: (span.set_attribute("a", 1), span.set_attribute("a", 2)),
    "more attributes than there may be": lambda span: [span.set_attribute(f"k{n}", n) for n in range(140)],
    "a value that none may have": lambda span: span.set_attribute("a", object()),
    "an event": lambda span: span.add_event("happened", {"a": 1}, START + 5),
    "more events than there may be": lambda span: [span.add_event(f"e{n}", None, START) for n in range(140)],
    "an exception": lambda span: span.record_exception(failed(), {"more": "said"}, START + 7, escaped=True),
    "a link": lambda span: span.add_link(CONTEXT, {"a": 1}),
    "an error": lambda span: span.set_status(StatusCode.ERROR, "it broke"),
    "an error after all was well": lambda span: (
        span.set_status(Status(StatusCode.OK)),
        span.set_status(Status(StatusCode.ERROR)),
    ),
    "a status that says nothing": lambda span: (span.set_status(StatusCode.ERROR), span.set_status(StatusCode.UNSET)),
    "another name": lambda span: span.update_name("renamed"),
}
PARENTS = {"root": None, "child": NonRecordingSpan(CONTEXT)}


class Ids:
    """The same ids in the same order."""

    def __init__(self) -> None:
        self.last = 100

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    generate_trace_id = generate_span_id

    def is_trace_id_random(self) -> bool:
        return True


def provider_of(kind: Callable[..., TracerProvider]) -> TracerProvider:
    return kind(id_generator=Ids(), shutdown_on_exit=False)


def made(provider: TracerProvider, deed: Callable[[Any], object], parent: trace.Span | None) -> Any:
    context = trace.set_span_in_context(parent) if parent is not None else None
    span = otel.tracer_of(provider).start_span("prelude.crm.view_deal", context, start_time=START)
    deed(span)
    span.end(END)
    deed(span)  # an ended span no longer changes
    span.end(END + 1)
    return span


def _officially(span: Any) -> Any:
    return ExportTraceServiceRequest.FromString(encode_spans([span]).SerializeToString())


def _by_hand(span: Any) -> Any:
    return ExportTraceServiceRequest.FromString(traces_request([span]))


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize("deed", DEEDS)
def test_it_is_exported_as_the_sdk_would_have_made_it(deed: str, parent: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    ours: Any = made(provider_of(_Provider), DEEDS[deed], PARENTS[parent])
    assert type(ours) is ActivitySpan
    theirs = made(provider_of(TracerProvider), DEEDS[deed], PARENTS[parent])
    assert not isinstance(theirs, ActivitySpan)
    expected = _officially(theirs)
    assert _by_hand(ours) == expected
    assert _officially(ours) == expected
    assert ours.get_span_context() == theirs.get_span_context()
    assert ours.is_recording() is theirs.is_recording() is False


def test_a_trace_that_is_not_sampled_stays_so() -> None:
    parent = NonRecordingSpan(SpanContext(11, 13, True, TraceFlags(0)))
    span = made(provider_of(_Provider), DEEDS["nothing"], parent)
    assert not isinstance(span, ActivitySpan)
    assert span.get_span_context().trace_id == 11
    assert not span.get_span_context().trace_flags.sampled


def test_who_looks_at_spans_sees_those_of_the_sdk() -> None:
    provider = provider_of(_Provider)
    kept = InMemorySpanExporter()
    before = made(provider, DEEDS["nothing"], None)
    tracer = otel.tracer_of(provider)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer.start_span("later").end()
    assert isinstance(before, ActivitySpan)
    assert [span.name for span in kept.get_finished_spans()] == ["later"]


@pytest.mark.parametrize("sampler", [sampling.ALWAYS_OFF, sampling.TraceIdRatioBased(0.5), sampling.ALWAYS_ON])
def test_another_sampler_is_asked(sampler: sampling.Sampler) -> None:
    provider = _Provider(sampler=sampler, shutdown_on_exit=False)
    assert not activity_span.applies_to(provider)
    assert not isinstance(otel.tracer_of(provider), ActivityTracer)


def test_tracers_of_others_are_the_sdks() -> None:
    provider = provider_of(_Provider)
    assert not isinstance(provider.get_tracer("somebody"), ActivityTracer)


def test_what_needs_more_than_a_name_is_left_to_the_sdk() -> None:
    tracer = otel.tracer_of(provider_of(_Provider))
    span = tracer.start_span("x", attributes={"a": 1}, links=[Link(CONTEXT)])
    assert not isinstance(span, ActivitySpan)
    with tracer.start_as_current_span("y") as current:
        assert trace.get_current_span() is current


def test_it_can_be_current() -> None:
    tracer = otel.tracer_of(provider_of(_Provider))
    with trace.use_span(tracer.start_span("x"), end_on_exit=True) as span:
        child = tracer.start_span("y")
        assert child.parent == span.get_span_context()  # type: ignore[attr-defined]
    assert not span.is_recording()
