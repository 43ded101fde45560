"""Records and spans that OpenTelemetry's own SDK makes and its own exporters send, over both protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.integration.exporter.conftest import TIME_NS, Exporter

Query = Callable[..., list[tuple[Any, ...]]]
RESOURCE = Resource({"service.name": "foreign-service"})


@pytest.fixture(params=["grpc", "http", "http+gzip"])
def providers(request: pytest.FixtureRequest, exporter: Exporter) -> Iterator[tuple[LoggerProvider, TracerProvider]]:
    """Providers of the SDK that send each record and span at once."""
    if request.param == "grpc":
        log_exporter: Any = GrpcLogs(endpoint=exporter.grpc, insecure=True)
        span_exporter: Any = GrpcSpans(endpoint=exporter.grpc, insecure=True)
    else:
        how = Compression.Gzip if "gzip" in request.param else Compression.NoCompression
        log_exporter = HttpLogs(endpoint=f"{exporter.http}/v1/logs", compression=how)
        span_exporter = HttpSpans(endpoint=f"{exporter.http}/v1/traces", compression=how)
    loggers, tracers = LoggerProvider(RESOURCE), TracerProvider(resource=RESOURCE)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
    tracers.add_span_processor(SimpleSpanProcessor(span_exporter))
    yield loggers, tracers
    loggers.shutdown()
    tracers.shutdown()


def test_a_foreign_record_in_a_span_becomes_a_row_with_its_length(
    providers: tuple[LoggerProvider, TracerProvider], query: Query
) -> None:
    loggers, tracers = providers
    with tracers.get_tracer("foreign").start_as_current_span(
        "handle", attributes={"prelude.action.type": "crm"}
    ) as span:
        loggers.get_logger("foreign").emit(
            LogRecord(
                timestamp=TIME_NS,
                event_name="prelude.crm.send_email",
                attributes={
                    "user.email": " Someone@Company.COM ",
                    "prelude.action.data": {"to_email": "c@d.com", "method": "gmail_api", "customer_id": "12"},
                    "prelude.tags": ["a", "b"],
                },
            )
        )
    context = span.get_span_context()
    ((email, data, tags, trace_id, duration, service),) = query(
        "SELECT user_email, action_data, tags, trace_id, duration_ms, service_name FROM user_activity_logs"
    )
    assert (email, tags, service) == ("someone@company.com", ["a", "b"], "foreign-service")
    assert data == {"to_email": "c@d.com", "method": "gmail_api_v2", "customer_id": 12}
    assert trace_id == f"{context.trace_id:032x}"
    assert duration is not None


def test_a_foreign_span_event_becomes_a_row(providers: tuple[LoggerProvider, TracerProvider], query: Query) -> None:
    with providers[1].get_tracer("foreign").start_as_current_span("handle") as span:
        span.add_event("prelude.crm.view_customer", {"prelude.entity.id": "77", "user.email": "a@b.com"}, TIME_NS)
    assert query("SELECT action_name, entity_id, action_data, duration_ms IS NOT NULL FROM user_activity_logs") == [
        ("view_customer", "77", {"customer_id": 77}, True)
    ]
