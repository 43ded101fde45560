"""The bytes that the real Collector sends are usual ones to the compiled decoder, in whatever order it writes them."""

from __future__ import annotations

import time
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from bench.collector_order import as_the_collector_writes
from bench.ingest_load import requests
from tests.support.collector import running_collector

pytest.importorskip(
    "prelude_native", reason="prelude-otel-native is not installed (make native installs it where there is cargo)"
)
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def test_records_that_came_through_the_collector_are_decoded_natively(collector_program: Path, tmp_path: Path) -> None:
    from tests.unit.exporter.native import NATIVE, PYTHON, left_to_python, outcome

    (sent,) = requests(1, 50, time.time_ns(), 1)
    arrived: list[bytes] = []

    class Raw(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, handler_call_details: Any) -> Any:
            if handler_call_details.method == EXPORT:
                return grpc.unary_unary_rpc_method_handler(self._take)
            return None

        @staticmethod
        def _take(request: bytes, _: Any) -> bytes:
            arrived.append(request)
            return b""

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=(Raw(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with running_collector(collector_program, tmp_path, exporter=f"127.0.0.1:{port}") as collector:
            with grpc.insecure_channel(collector.grpc) as channel:
                channel.unary_unary(EXPORT)(sent, timeout=10)
            deadline = time.monotonic() + 20
            while not arrived and time.monotonic() < deadline:
                time.sleep(0.02)
    finally:
        server.stop(0)
    (request,) = arrived
    assert left_to_python(request) == 0
    assert outcome(NATIVE, request) == outcome(PYTHON, request)
    assert NATIVE.logs(request).rows == PYTHON.logs(sent).rows
    # What the tests without a Collector take for its order.
    assert NATIVE.logs(as_the_collector_writes(sent)).rows == NATIVE.logs(request).rows
