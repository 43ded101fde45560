"""Spans made by hand say what the official encoder says, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.trace import set_span_in_context as in_context

from prelude_otel import problems
from prelude_otel.otlp import span_encode
from prelude_otel.otlp.span_encode import traces_request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SCALAR = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
ATTRIBUTES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30),
    SCALAR | st.lists(TEXT, max_size=5) | st.lists(st.integers(0, 9), max_size=5),
    max_size=8,
)


def same(spans: list[ReadableSpan]) -> None:
    assert _as_sets(ExportTraceServiceRequest.FromString(traces_request(spans))) == _as_sets(
        ExportTraceServiceRequest.FromString(encode_spans(spans).SerializeToString())
    )


def _as_sets(request: Any) -> set[tuple[bytes, str, bytes, str, bytes]]:
    """Which span with which scope and resource: their grouping and order say nothing."""
    return {
        (
            resource.resource.SerializeToString(deterministic=True),
            resource.schema_url,
            scope.scope.SerializeToString(deterministic=True),
            scope.schema_url,
            span.SerializeToString(deterministic=True),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def ended(
    names: list[str],
    attributes: dict[str, Any],
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    status: Status | None = None,
    event: bool = False,
    link: bool = False,
    remote: bool | None = None,
    state: bool = False,
) -> list[ReadableSpan]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "crm"}, "https://schema"), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    context = SpanContext(7, 9, bool(remote), TraceFlags(1), TraceState([("a", "b")]) if state else TraceState())
    parent = in_context(NonRecordingSpan(context)) if remote is not None else None
    for number, name in enumerate(names):
        tracer = provider.get_tracer(f"scope-{number % 2}", "1", "https://scope" if number % 2 else None, {"x": True})
        span = tracer.start_span(name, parent, kind, attributes, [Link(context)] if link else None)
        if event:
            span.add_event("happened", {"a": 1})
        if status is not None:
            span.set_status(status)
        span.end()
    return list(kept.get_finished_spans())


@given(
    st.lists(TEXT, min_size=1, max_size=5),
    ATTRIBUTES,
    st.sampled_from(SpanKind),
    st.sampled_from([None, Status(StatusCode.OK), Status(StatusCode.ERROR), Status(StatusCode.ERROR, "it broke: ü")]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, False, True]),
    st.booleans(),
)
def test_a_request_is_equal_to_the_official_one(
    names: list[str],
    attributes: dict[str, Any],
    kind: SpanKind,
    status: Status | None,
    event: bool,
    link: bool,
    remote: bool | None,
    state: bool,
) -> None:
    same(ended(names, attributes, kind=kind, status=status, event=event, link=link, remote=remote, state=state))


def test_plain_spans_are_made_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = ended(["a", "b", "c"], {"url.path": "/crm/deals", "http.response.status_code": 200})
    traces_request(spans)  # resource and scopes are remembered from here on
    monkeypatch.setattr(span_encode, "encode_spans", None)
    assert len(_as_sets(ExportTraceServiceRequest.FromString(traces_request(spans)))) == 3


def test_no_span_is_no_request() -> None:
    assert traces_request([]) == b""


def of(name: Any = "n", scope: str = "s", start: Any = None, end: Any = None, **attributes: Any) -> ReadableSpan:
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "crm"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer(scope).start_span(name, start_time=start, attributes=attributes).end(end)
    (span,) = kept.get_finished_spans()
    return span


def test_more_scopes_than_are_remembered() -> None:
    same([of(scope=f"scope {number}") for number in range(2 * span_encode._MAX_REMEMBERED)])


@pytest.mark.filterwarnings("ignore")
def test_a_number_that_otlp_can_not_hold_is_left_out_and_never_another_number() -> None:
    same([of(number=2**70), of(number=-(2**63) - 1), of(number=2**63 - 1)])


@pytest.mark.parametrize("odd", [{"start": -5, "end": 3}, {"start": 1, "end": 2**64}, {"start": 1.5}, {"name": 5}])
def test_a_span_that_otlp_has_no_form_for_costs_no_neighbour(odd: dict[str, Any]) -> None:
    neighbours = [of("before"), of("after")]
    assert ExportTraceServiceRequest.FromString(
        traces_request([neighbours[0], of(**odd), neighbours[1]])
    ) == ExportTraceServiceRequest.FromString(traces_request(neighbours))
    assert problems.counts() == {"spans": 1}
