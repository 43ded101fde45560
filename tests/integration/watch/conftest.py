"""What a real exporter, a real Collector and a real analytics show of themselves, after a little of everything."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import httpx
import pytest

from prelude_store.seals import keys
from tests.integration.exporter.conftest import Exporter, activity, logs, span_of, traces
from tests.support.analytics import running_analytics
from tests.support.collector import RunningCollector, collector_program, running_collector
from tests.support.postgres import TestServer

__all__ = ["collector_program"]

_WITHIN_S = 20.0


class _Moody(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Takes one request, and refuses the next one for good."""

    def __init__(self) -> None:
        self._count = 0

    def service(self, handler_call_details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._export)

    def _export(self, request: bytes, context: Any) -> bytes:
        self._count += 1
        if self._count % 2:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "never")
        return b""


@pytest.fixture(scope="session")
def exporter_metrics(postgres: TestServer) -> Iterator[set[str]]:
    """Names of the samples on /metrics of an exporter at rest."""
    url = postgres.create_database()
    exporter = Exporter(url)
    yield _names(exporter.get("/metrics").body.decode())
    exporter.stop()
    for stream in (exporter.process.stdout, exporter.process.stderr):
        if stream is not None:
            stream.close()
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def analytics_metrics(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """Names of the samples on /metrics of an analytics that seals, at rest."""
    url = postgres.create_database()
    key = tmp_path_factory.mktemp("watched-seals") / "seal.key"
    keys.generate(key)
    with running_analytics(url, seal_key_file=key) as service:
        httpx.get(f"{service.url}/api/v1/analytics/user-activities", trust_env=False)  # so that a route has been asked
        yield _names(httpx.get(f"{service.url}/metrics", trust_env=False).text)
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def collector_metrics(collector_program: Any, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the samples of a Collector that has sent some and lost some; some series begin with the first event."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((_Moody(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    wanted = {
        f"otelcol_exporter_{what}_{signal}" for what in ("sent", "send_failed") for signal in ("log_records", "spans")
    }
    found: set[str] = set()
    try:
        folder = tmp_path_factory.mktemp("watched-collector")
        with running_collector(collector_program, folder, exporter=f"127.0.0.1:{port}") as collector:
            ends = time.monotonic() + _WITHIN_S
            while not wanted <= found and time.monotonic() < ends:
                _post(collector, "logs", logs(activity(1)))
                _post(collector, "traces", traces(span_of(1, 1_000_000)))
                time.sleep(0.1)
                with urllib.request.urlopen(collector.metrics, timeout=5) as answer:
                    found = _names(answer.read().decode())
    finally:
        server.stop(None)
    return found


def _post(collector: RunningCollector, signal: str, body: bytes) -> None:
    headers = {"content-type": "application/x-protobuf"}
    request = urllib.request.Request(f"{collector.http}/v1/{signal}", body, headers)
    with urllib.request.urlopen(request, timeout=10):
        pass


def _names(text: str) -> set[str]:
    """As they stand there: a parser would give the Collector's counters the `_total` that they lack."""
    return set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))
