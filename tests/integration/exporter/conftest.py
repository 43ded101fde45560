"""Real exporter processes on ports of their own, and what sends to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import psycopg
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from psycopg.conninfo import conninfo_to_dict

from prelude_store.native import PRELUDE_NATIVE
from tests.support.otlp import attributes
from tests.support.postgres import TestServer, as_role

_COMMAND = [sys.executable, "-c", "from prelude_exporter.command import command; command()"]
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Answer:
    """What an HTTP server said."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Exporter:
    """A running ``prelude exporter``."""

    def __init__(self, database_url: str, *flags: str) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name == PRELUDE_NATIVE or not name.startswith(("PRELUDE_", "ANALYTICS_"))
        }
        self.process = subprocess.Popen(
            [*_COMMAND, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--json", *flags],
            env=environment | {"PRELUDE_DATABASE_URL": database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate()
            raise AssertionError(f"the exporter did not start: {errors}")
        where = json.loads(line)
        self.http, self.grpc = where["http"], where["grpc"]
        self._channel: grpc.Channel | None = None

    def call(self, body: bytes, method: str = LOGS, **options: Any) -> bytes:
        """One gRPC call; raises grpc.RpcError."""
        if self._channel is None:
            self._channel = grpc.insecure_channel(self.grpc)
        return bytes(self._channel.unary_unary(method)(body, timeout=20, **options))

    def post(self, body: bytes, path: str = "/v1/logs", **headers: str) -> Answer:
        """One HTTP request; headers with ``_`` for ``-``."""
        named = {"content-type": "application/x-protobuf"} | {
            key.replace("_", "-"): value for key, value in headers.items()
        }
        return self._open(urllib.request.Request(self.http + path, body, named))

    def get(self, path: str) -> Answer:
        return self._open(urllib.request.Request(self.http + path))

    def stop(self, timeout: float = 30) -> tuple[int, str]:
        """SIGTERM; gives exit code and stderr."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, errors

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())


@pytest.fixture
def start(postgres: TestServer) -> Iterator[Callable[..., Exporter]]:
    """Starts exporters, as writers and nothing more where they make no schema; those still running at the end are stopped."""
    started: list[Exporter] = []
    usual = conninfo_to_dict(postgres.url)

    def start(database_url: str, *flags: str) -> Exporter:
        if "--migrate" not in flags and conninfo_to_dict(database_url) | {"dbname": usual.get("dbname")} == usual:
            database_url = as_role(database_url, "writer")
        exporter = Exporter(database_url, *flags)
        started.append(exporter)
        return exporter

    yield start
    for exporter in started:
        if exporter.process.returncode is None:
            exporter.stop()
        for stream in (exporter.process.stdout, exporter.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="module")
def shared(postgres: TestServer) -> Iterator[tuple[str, Exporter]]:
    """A database, and an exporter that writes to it, for all tests of a module that do nothing to either."""
    url = postgres.create_database()
    exporter = Exporter(as_role(url, "writer"))
    yield url, exporter
    assert exporter.stop()[0] == 0
    for stream in (exporter.process.stdout, exporter.process.stderr):
        if stream is not None:
            stream.close()
    postgres.drop_database(url)


@pytest.fixture
def exporter(shared: tuple[str, Exporter]) -> Exporter:
    """The module's exporter, with empty tables."""
    with psycopg.connect(shared[0], autocommit=True) as connection:
        connection.execute(
            "TRUNCATE user_activity_logs, activity_amendments, span_joins, activity_quarantine, activity_probes"
        )
    return shared[1]


@pytest.fixture
def query(request: pytest.FixtureRequest) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Asks the database that the test's exporter writes to, in a transaction of its own each time."""
    own = "database" in request.fixturenames
    url = request.getfixturevalue("database") if own else request.getfixturevalue("shared")[0]
    with psycopg.connect(url, autocommit=True) as connection:
        yield lambda statement, *values: connection.execute(statement, values).fetchall()


def eventually(condition: Callable[[], Any], within: float = 20) -> Any:
    """The first true value of `condition`."""
    ends = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.05)
    return value


def activity(number: int = 1, **changes: Any) -> LogRecord:
    """A complete activity of a minute ago; `changes` are attributes, with ``__`` for dots."""
    values = {
        "log.record.uid": f"0192f0c1-2345-7abc-8def-{number:012x}",
        "user.email": "User@Company.com",
        "session.id": "session-abc",
        "prelude.action.type": "crm",
        "prelude.action.name": "create_deal",
        "prelude.entity.type": "deal",
        "prelude.entity.id": str(number),
        "prelude.result.status": "success",
        "prelude.action.data": {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123},
        "prelude.span.duration_ns": 12_400_000,
    } | {key.replace("__", "."): value for key, value in changes.items()}
    return LogRecord(
        event_name="prelude.crm.create_deal",
        time_unix_nano=TIME_NS + number * 1_000,
        trace_id=number.to_bytes(16),
        span_id=number.to_bytes(8),
        attributes=attributes({key: value for key, value in values.items() if value is not None}),
    )


TIME_NS = time.time_ns() // 1_000_000 * 1_000_000 - 60_000_000_000


def logs(*records: LogRecord, service: str = "crm-service") -> bytes:
    """A request of these records."""
    request = ExportLogsServiceRequest()
    outer = request.resource_logs.add()
    outer.resource.attributes.extend(attributes({"service.name": service}))
    outer.scope_logs.add().log_records.extend(records)
    return request.SerializeToString()


def traces(*spans: Span, service: str = "crm-service") -> bytes:
    """A request of these spans."""
    request = ExportTraceServiceRequest()
    outer = request.resource_spans.add()
    outer.resource.attributes.extend(attributes({"service.name": service}))
    outer.scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


def span_of(number: int, length_ns: int, name: str = "prelude.crm.create_deal", **values: Any) -> Span:
    """The span that `activity(number)` belongs to."""
    return Span(
        name=name,
        trace_id=number.to_bytes(16),
        span_id=number.to_bytes(8),
        start_time_unix_nano=TIME_NS,
        end_time_unix_nano=TIME_NS + length_ns,
        attributes=attributes({key.replace("__", "."): value for key, value in values.items()}),
    )
