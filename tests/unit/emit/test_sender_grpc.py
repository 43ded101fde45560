"""The same over gRPC, to a real gRPC server with its default limits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc

import prelude_otel
from tests.support.otlp_receiver import attributes_of
from tests.support.sink import Sink, _Logs

LONG = 20.0


class Metadata(grpc.ServerInterceptor):  # type: ignore[misc]
    """Keeps the metadata of every call."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.seen.append(dict(details.invocation_metadata))
        return continuation(details)


@pytest.fixture
def metadata() -> Metadata:
    return Metadata()


@pytest.fixture
def target(metadata: Metadata) -> Iterator[tuple[Sink, str]]:
    """A sink, and where it listens."""
    sink = Sink()
    server = grpc.server(futures.ThreadPoolExecutor(2), interceptors=[metadata])
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(_Logs(sink), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield sink, f"127.0.0.1:{port}"
    server.stop(grace=0).wait()


@pytest.fixture
def to(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Instruments this process to send to an address by gRPC."""

    def instrument(address: str) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{address}")
        prelude_otel.instrument(service_name="crm-service")

    return instrument


def deals(sink: Sink) -> list[int]:
    """The deals that have arrived, in order."""
    return [int(attributes_of(record)["prelude.entity.id"]) for record in sink.records]


def test_activities_arrive_over_grpc_with_compression_and_headers(
    target: tuple[Sink, str], to: Callable[[str], None], metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, address = target
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "X-Tenant=a")
    to(address)
    for number in range(20):
        prelude_otel.emit("crm.delete_deal", deal_id=number)
    assert prelude_otel.flush(LONG)
    assert deals(sink) == list(range(20))
    assert metadata.seen[0]["x-tenant"] == "a"
    assert prelude_otel.stats().sent == 20


def test_an_unavailable_receiver_is_asked_again(target: tuple[Sink, str], to: Callable[[str], None]) -> None:
    sink, address = target
    sink.refusals = 2
    to(address)
    prelude_otel.emit("crm.delete_deal", deal_id=1)
    assert prelude_otel.flush(LONG)
    assert deals(sink) == [1]
    assert sink.refused == 2


def test_an_entry_too_large_for_the_receiver_does_not_stop_the_others(
    target: tuple[Sink, str], to: Callable[[str], None]
) -> None:
    sink, address = target
    to(address)
    prelude_otel.emit("crm.update_deal", deal_id=1, updated_fields={"text": "x" * 5_000_000})
    prelude_otel.emit("crm.delete_deal", deal_id=2)
    prelude_otel.flush(LONG)
    assert deals(sink) == [2]
    assert prelude_otel.stats().dropped == {"refused": 1}


def test_nobody_listening_is_no_error(to: Callable[[str], None]) -> None:
    to("127.0.0.1:9")
    prelude_otel.emit("crm.delete_deal", deal_id=1)
    assert not prelude_otel.flush(0.2)
    assert prelude_otel.stats().waiting == 1
    assert not prelude_otel.shutdown(0.1)
    assert not [thread for thread in threading.enumerate() if not thread.daemon and "prelude-otel" in thread.name]
