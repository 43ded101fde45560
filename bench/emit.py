"""Emit: a decorated handler against bare OpenTelemetry, interleaved in one run.

    python bench/emit.py [--rounds 15] [--actions 2000]

One action is a span and a log record of equal content (thirteen attributes, one of them the map of the action's data). Bare OpenTelemetry is the
SDK's API: ``start_as_current_span``, ``Logger.emit``, its batch processors and OTLP/HTTP exporter. All of them export to a sink
in another process. Latency is the time in the caller; CPU is that of the whole process, export included, once all is flushed.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
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
from prelude_otel.settings import read_settings
from prelude_otel.sinks import OtlpSink, ProviderSink, SpanEventSink

SINK = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

DEAL: dict[str, Any] = {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123}


@dataclass
class Way:
    """One way to emit an action, and what was measured of it."""

    name: str
    act: Callable[[], None]
    flush: Callable[[], object]
    latency_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def bare(endpoint: str) -> Way:
    """Span and log record by hand, through the SDK."""
    tracers, loggers = _providers(endpoint)
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


def ours(endpoint: str, name: str, make_sink: Callable[..., object]) -> Way:
    """The decorated handler, through one of our sinks."""
    settings = read_settings(service_name="bench", endpoint=endpoint, environ={})
    tracers, loggers = _providers(endpoint)
    sink = make_sink(settings, tracers, loggers)
    runtime = Runtime(settings, state.declared, tracers, sink)  # type: ignore[arg-type]

    @prelude_otel.activity("crm.create_deal")
    def create_deal(deal_name: str, value_usd: float, client_id: int, deal_id: int) -> None: ...

    def act() -> None:
        state.runtime = runtime
        create_deal(deal_id=789, **DEAL)

    return Way(name, act, lambda: (sink.flush(30), tracers.force_flush()))  # type: ignore[attr-defined]


def _providers(endpoint: str) -> tuple[TracerProvider, LoggerProvider]:
    resource = Resource.create({"service.name": "bench"})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), max_queue_size=1 << 20)
    )
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{endpoint}/v1/logs"), max_queue_size=1 << 20)
    )
    return tracers, loggers


def measure(ways: list[Way], rounds: int, actions: int) -> None:
    """Interleave the ways; each round of each way ends with its flush, so that export is paid where it belongs."""
    prelude_otel.set_user("user@company.com", "session-abc")
    clock = time.perf_counter_ns
    for number in range(rounds + 1):
        for way in ways:
            act = way.act
            act()
            way.flush()
            gc.collect()
            cpu = time.process_time_ns()
            samples = []
            for _ in range(actions):
                began = clock()
                act()
                samples.append(clock() - began)
            way.flush()
            cpu = time.process_time_ns() - cpu
            if number:  # the first round warms up
                way.latency_us.append(statistics.median(samples) / 1000)
                way.cpu_us.append(cpu / actions / 1000)


def report(ways: list[Way]) -> None:
    """Medians of the rounds, and ratios against the first way."""
    base = ways[0]
    base_latency, base_cpu = statistics.median(base.latency_us), statistics.median(base.cpu_us)
    print(f"{'':40}{'p50 µs':>10}{'ratio':>8}{'CPU µs':>10}{'ratio':>8}")
    for way in ways:
        latency, cpu = statistics.median(way.latency_us), statistics.median(way.cpu_us)
        print(f"{way.name:40}{latency:10.1f}{latency / base_latency:8.2f}{cpu:10.1f}{cpu / base_cpu:8.2f}")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--actions", type=int, default=2000)
    options = parser.parse_args()
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        endpoint = f"http://127.0.0.1:{int(sink.stdout.readline())}"
        ways = [
            bare(endpoint),
            ours(
                endpoint, "@activity, own pipeline (default)", lambda s, _t, _l: OtlpSink(s, {"service.name": "bench"})
            ),
            ours(endpoint, "@activity, application's LoggerProvider", lambda _s, _t, loggers: ProviderSink(loggers)),
            ours(endpoint, "@activity, span events", lambda _s, tracers, _l: SpanEventSink(tracers)),
        ]
        measure(ways, options.rounds, options.actions)
        report(ways)
    finally:
        state.set_runtime(None)
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
