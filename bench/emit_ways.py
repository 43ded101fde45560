"""The ways to emit one action that `bench.emit` compares: a span and a record of equal content, to a sink in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import prelude_otel
from prelude_otel import state
from prelude_otel.contract.event_id import uuid7_text
from prelude_otel.runtime import Runtime
from prelude_otel.settings import Settings, read_settings
from prelude_otel.sinks import OtlpSink, ProviderSink, Sink, SpanEventSink
from prelude_otel.tracing import OwnTracing

DEAL: dict[str, Any] = {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123}


@dataclass
class Way:
    """One way to emit an action, and what was measured of it."""

    name: str
    act: Callable[[], object]
    flush: Callable[[], object]
    latency_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def bare(endpoint: str) -> Way:
    """Span and log record by hand, through the SDK: its batch processors, its OTLP/HTTP exporter."""
    tracers, loggers = _tracers(endpoint), _loggers(endpoint)
    tracer, logger = tracers.get_tracer("bare"), loggers.get_logger("bare")

    def act() -> None:
        start = time.time_ns()
        began = time.perf_counter_ns()
        with tracer.start_as_current_span("prelude.crm.create_deal", start_time=start):
            duration = time.perf_counter_ns() - began
            logger.emit(
                LogRecord(
                    timestamp=start,
                    observed_timestamp=start + duration,
                    severity_number=SeverityNumber.INFO,
                    event_name="prelude.crm.create_deal",
                    attributes={
                        "prelude.action.type": "crm",
                        "prelude.action.name": "create_deal",
                        "prelude.action.category": "deal",
                        "prelude.entity.type": "deal",
                        "log.record.uid": uuid7_text(start),
                        "prelude.result.status": "success",
                        "user.email": "user@company.com",
                        "session.id": "session-abc",
                        "prelude.entity.id": "789",
                        "prelude.page.url": "/crm/deals",
                        "prelude.page.route": "/crm/deals",
                        "prelude.action.data": {**DEAL, "customer_id": 123},
                        "prelude.span.duration_ns": duration,
                    },
                )
            )

    return Way("bare OpenTelemetry", act, lambda: (loggers.force_flush(), tracers.force_flush()))


def ours(endpoint: str, folder: Path) -> list[Way]:
    """The default, without and with a spool, in a service that has set up nothing; then in one that makes its spans itself."""
    environments = {
        "@activity (default)": {},
        **{
            f"@activity, spool, fsync {fsync}": {"PRELUDE_SPOOL": str(folder / fsync), "PRELUDE_SPOOL_FSYNC": fsync}
            for fsync in ("never", "interval", "always")
        },
    }
    tracing = OwnTracing("bench")
    tracing.start(read_settings(endpoint=endpoint, environ={}))
    ways = [_decorated(name, endpoint, _pipeline, environ, tracing.provider) for name, environ in environments.items()]
    return [*ways, _decorated("@activity, application's TracerProvider", endpoint, _pipeline)]


def _pipeline(settings: Settings, _: TracerProvider) -> OtlpSink:
    return OtlpSink(settings, _RESOURCE)


def through_provider(endpoint: str) -> Way:
    """Through the application's LoggerProvider."""
    loggers = _loggers(endpoint)
    return _decorated("@activity, application's LoggerProvider", endpoint, lambda *_: ProviderSink(loggers))


def span_events(endpoint: str) -> Way:
    """As events of spans."""
    return _decorated("@activity, span events", endpoint, lambda _, tracers: SpanEventSink(tracers))


_RESOURCE = {"service.name": "bench"}


def _decorated(
    name: str,
    endpoint: str,
    make_sink: Callable[..., Sink],
    environ: dict[str, str] | None = None,
    tracers: TracerProvider | None = None,
) -> Way:
    settings = read_settings(service_name="bench", endpoint=endpoint, environ=environ or {})
    tracers = tracers or _tracers(endpoint)
    sink = make_sink(settings, tracers)
    runtime = Runtime(settings, state.declared, tracers, sink)

    @prelude_otel.activity("crm.create_deal")
    def create_deal(deal_name: str, value_usd: float, client_id: int, deal_id: int) -> None: ...

    def act() -> None:
        state.runtime = runtime
        create_deal(deal_id=789, **DEAL)

    return Way(name, act, lambda: (sink.flush(30), tracers.force_flush()))


def _tracers(endpoint: str) -> TracerProvider:
    provider = TracerProvider(resource=Resource.create(_RESOURCE))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=1 << 20))
    return provider


def _loggers(endpoint: str) -> LoggerProvider:
    provider = LoggerProvider(resource=Resource.create(_RESOURCE))
    exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs")
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_queue_size=1 << 20))
    return provider
