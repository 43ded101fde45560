"""The exporter's own metrics by OTLP, when they are asked for."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry

from prelude_exporter.settings import Address
from prelude_exporter.watch.self_telemetry import SelfTelemetry
from prelude_otel.errors import ConfigurationError
from tests.integration.exporter.conftest import Exporter, activity, logs

Start = Callable[..., Exporter]
Got = queue.Queue[tuple[str, Any]]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Got]:
    """Path and metrics of what an exporter sends that is started after this."""
    got: Got = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.put((self.path, ExportMetricsServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield got
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_metrics_go_out_as_they_are_shown(start: Start, database: str, receiver: Got) -> None:
    exporter = start(database, "--self-telemetry")
    assert exporter.post(logs(activity(1), activity(2))).status == 200
    shown = exporter.get("/metrics").body.decode()
    assert exporter.stop()[0] == 0  # sends once more at its end
    path, request = receiver.get(timeout=20)
    assert path == "/v1/metrics"
    (resource,) = request.resource_metrics
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "prelude-exporter"
    metrics = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    families = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\w+)", shown, re.MULTILINE)}
    assert metrics.keys() == families
    (inserted,) = [
        point
        for point in metrics["prelude_exporter_rows"].sum.data_points
        if point.attributes[0].value.string_value == "inserted"
    ]
    assert inserted.as_double == 2
    assert metrics["prelude_exporter_rows"].sum.is_monotonic
    lag = metrics["prelude_exporter_commit_lag_seconds"]
    (point,) = lag.histogram.data_points
    assert (lag.unit, point.count, sum(point.bucket_counts)) == ("s", 2, 2)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    # The activities of these tests are a minute old, and as much older as the tests have been running.
    (bucket,) = [number for number, count in enumerate(point.bucket_counts) if count]
    assert point.explicit_bounds[bucket] >= 300
    assert metrics["prelude_exporter_ready"].gauge.data_points[0].as_double == 0, "it is stopping"


def test_nothing_goes_out_that_was_not_asked_for(start: Start, database: str, receiver: Got) -> None:
    exporter = start(database)
    assert exporter.post(logs(activity(1))).status == 200
    assert exporter.stop()[0] == 0
    assert receiver.empty()


def test_a_receiver_that_is_away_costs_nothing(start: Start, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
    exporter = start(database, "--self-telemetry")
    assert exporter.post(logs(activity(1))).status == 200
    assert exporter.stop(timeout=15)[0] == 0


@pytest.mark.parametrize(
    ("endpoint", "interval", "said"),
    [
        ("", "60000", "set OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
        ("http://localhost:4328", "60000", "is this exporter itself"),
        ("http://me:hunter2@127.0.0.1:4328/", "60000", "http://me:\\*\\*\\*@127.0.0.1:4328/ is this exporter itself"),
        ("http://127.0.0.1:9", "often", "OTEL_METRIC_EXPORT_INTERVAL='often'"),
    ],
)
def test_wrong_settings_are_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str, interval: str, said: str) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", interval)
    with pytest.raises(ConfigurationError, match=said):
        SelfTelemetry(CollectorRegistry(), Address("127.0.0.1", 4328))
