"""Requests above a limit, slow ones, and too many connections, against a real exporter."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.integration.exporter.conftest import LOGS, Exporter, activity, eventually, logs
from tests.support.postgres import TestServer, as_role
from tests.support.proxy import running_proxy

Query = Callable[..., list[tuple[Any, ...]]]
MEBIBYTE = 1024 * 1024
NOTES = "SELECT signal, detail, payload FROM activity_quarantine WHERE reason = 'request_too_large' ORDER BY id"
COUNT = "SELECT count(*) FROM user_activity_logs"


@pytest.fixture(scope="module")
def shared(postgres: TestServer) -> Iterator[tuple[str, Exporter]]:
    url = postgres.create_database()
    exporter = Exporter(
        as_role(url, "writer"),
        "--max-request-mib=1",
        "--max-request-records=1000",
        "--arrival=1",
        "--max-connections=6",
    )
    yield url, exporter
    assert exporter.stop()[0] == 0
    for stream in (exporter.process.stdout, exporter.process.stderr):
        assert stream is not None
        stream.close()
    postgres.drop_database(url)


def peak_mib(exporter: Exporter) -> float:
    """The most memory that the process ever held."""
    status = Path(f"/proc/{exporter.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def large(mebibytes: float, service: str = "crm-service") -> bytes:
    """An OTLP request of about this size."""
    record = activity()
    record.body.string_value = "x" * int(mebibytes * MEBIBYTE)
    return logs(record, service=service)


def refused(exporter: Exporter, body: bytes, **options: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        exporter.call(body, **options)
    return caught.value.code(), caught.value.details()


def test_a_request_above_the_limit_is_refused_for_good_and_leaves_one_note(exporter: Exporter, query: Query) -> None:
    body = large(1.2)
    for _ in range(2):
        assert exporter.post(body).status == 413
        code, said = refused(exporter, body)
        assert (code, said) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            f"the request has {len(body)} bytes, and {MEBIBYTE} are allowed",
        )
        assert exporter.post(gzip.compress(body), content_encoding="gzip").status == 413
    [(signal, detail, payload)] = query(NOTES)
    assert (signal, bytes(payload)) == ("logs", body[:4096])
    assert detail == (
        f"the request has more than {MEBIBYTE} bytes (Content-Length: {len(body)}); it came from 127.0.0.1; "
        "the payload is its first 4096 bytes"
    )
    assert query(COUNT) == [(0,)]
    assert exporter.post(large(0.9)).status == 200
    assert query(COUNT) == [(1,)]


def test_a_bomb_is_never_inflated_by_http(exporter: Exporter, query: Query) -> None:
    before = peak_mib(exporter)
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(150)) + packer.flush()
    assert len(bomb) < MEBIBYTE
    answer = exporter.post(bomb, content_encoding="gzip")
    assert answer.status == 413
    assert peak_mib(exporter) - before < 30
    assert [bytes(payload) for _, _, payload in query(NOTES)] == [bytes(4096)]


def test_a_bomb_is_never_inflated_by_grpc_and_leaves_a_note(exporter: Exporter, query: Query) -> None:
    before = peak_mib(exporter)
    with grpc.insecure_channel(exporter.grpc, options=[("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary(LOGS)
        for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with pytest.raises(grpc.RpcError) as caught:
                call(bytes(100 * MEBIBYTE), timeout=20, compression=algorithm)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # without RetryInfo: final
    assert peak_mib(exporter) - before < 30
    assert exporter.call(logs(activity())) == b""
    eventually(lambda: query(NOTES))
    assert query(NOTES) == [
        (
            "logs",
            f"the request has more than {2 * MEBIBYTE} bytes, and none of them was kept; it came from 127.0.0.1",
            b"",
        )
    ]


def test_a_call_without_a_request_is_malformed(exporter: Exporter, query: Query) -> None:
    with grpc.insecure_channel(exporter.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(LOGS)(iter(()), timeout=10)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "no request came")
    assert query(NOTES) == []


def test_a_call_whose_connection_breaks_before_its_request_came_is_not_taken_for_too_large(
    exporter: Exporter, query: Query
) -> None:
    counted = too_large(exporter)
    host, port = exporter.grpc.rsplit(":", 1)
    with running_proxy((host, int(port))) as proxy:
        for _ in range(3):
            hold = threading.Event()
            with grpc.insecure_channel(proxy.address) as channel:
                call = channel.stream_unary(LOGS).future(_never(hold), timeout=10)
                time.sleep(0.2)  # until the call has come; its request never does
                assert proxy.cut(hard=True) == 1
                assert call.exception().code() is grpc.StatusCode.UNAVAILABLE
                hold.set()
            assert exporter.call(logs(activity())) == b""
    assert query(NOTES) == []
    assert too_large(exporter) == counted


def too_large(exporter: Exporter) -> list[bytes]:
    """The counts of requests that were answered so."""
    return [line for line in exporter.get("/metrics").body.splitlines() if b'outcome="too_large"' in line]


def _never(hold: threading.Event) -> Iterator[bytes]:
    hold.wait(10)
    yield from ()


def test_what_grpc_inflates_to_just_above_the_limit_leaves_a_note(exporter: Exporter, query: Query) -> None:
    body = large(1.3, "other-service")
    code, _ = refused(exporter, body, compression=grpc.Compression.Gzip)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert [bytes(payload) for _, _, payload in query(NOTES)] == [body[:4096]]


def test_too_many_records_are_refused_before_they_are_made(exporter: Exporter, query: Query) -> None:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for _ in range(1001):
        scope.log_records.add(event_name="a")
    body = request.SerializeToString()
    assert exporter.post(body).status == 413
    assert refused(exporter, body)[0] is grpc.StatusCode.INVALID_ARGUMENT
    [(_, detail, _)] = query(NOTES)
    assert detail.startswith(f"the request has more than 1000 records ({len(body)} bytes); it came from 127.0.0.1;")


def test_json_may_be_a_quarter_as_large(exporter: Exporter) -> None:
    text = b'{"resourceLogs": []' + b" " * (MEBIBYTE // 4)
    assert exporter.post(text + b"}", content_type="application/json").status == 413
    assert exporter.post(text[:-100] + b"}", content_type="application/json").status == 200


def closed_after(connection: socket.socket, drip: bytes = b"") -> float:
    """Seconds until the other side closes; sends a byte of `drip` now and then."""
    begun = time.monotonic()
    connection.settimeout(0.1)
    rest = iter(drip)
    while time.monotonic() - begun < 10:
        try:
            if not connection.recv(4096):
                return time.monotonic() - begun
        except TimeoutError:
            byte = next(rest, None)
            if byte is not None:
                connection.sendall(bytes([byte]))
        except OSError:
            return time.monotonic() - begun
    raise AssertionError("it was never closed")


def address_of(exporter: Exporter) -> tuple[str, int]:
    host, _, port = exporter.http.rpartition("//")[2].partition(":")
    return host, int(port)


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (b"", b""),
        (b"POST /v1/logs HTTP/1.1\r\n", b"x-slow: " + b"a" * 200),
        (
            b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 500\r\n\r\n",
            b"a" * 200,
        ),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n", b"a" * 200),
    ],
    ids=["silent", "slow headers", "slow body", "slow body that nobody waits for"],
)
def test_a_connection_that_trickles_is_closed(exporter: Exporter, start: bytes, drip: bytes) -> None:
    with socket.create_connection(address_of(exporter)) as connection:
        connection.sendall(start)
        assert closed_after(connection, drip) < 8
    assert exporter.get("/healthz").status == 200


def test_a_grpc_request_that_does_not_arrive_is_told_to_come_again(exporter: Exporter) -> None:
    def nothing() -> Iterator[bytes]:
        time.sleep(3)
        yield b""

    with grpc.insecure_channel(exporter.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(LOGS)(nothing(), timeout=10)
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        "the request had not arrived after 1 s",
    )


def test_headers_have_an_end(exporter: Exporter) -> None:
    with socket.create_connection(address_of(exporter)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 200_000 + b"\r\n\r\n")
        assert b"400" in connection.recv(100)
    code, _ = refused(exporter, b"", metadata=[("x", "a" * 200_000)])
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


def alive(connection: socket.socket) -> bool:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    said = b""
    while not said.endswith(b"alive\n"):
        part = connection.recv(4096)
        if not part:
            return False
        said += part
    return True


def test_connections_beyond_their_number_are_closed_and_the_others_go_on(exporter: Exporter) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(address_of(exporter))) for _ in range(6)]
        assert all(alive(connection) for connection in held)
        with socket.create_connection(address_of(exporter)) as further:
            assert closed_after(further) < 5
        assert alive(held[0])


def test_grpc_connections_have_a_number_as_well(exporter: Exporter) -> None:
    channels = [grpc.insecure_channel(exporter.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(8)]
    try:
        codes = []
        for channel in channels:
            try:
                channel.unary_unary(LOGS)(b"", timeout=5)
                codes.append("OK")
            except grpc.RpcError as error:
                codes.append(error.code().name)
        assert codes[:5] == ["OK"] * 5  # the exporter's other tests hold one
        assert codes[-1] == "UNAVAILABLE"
    finally:
        for channel in channels:
            channel.close()
