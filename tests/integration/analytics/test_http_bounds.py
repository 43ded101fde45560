"""What one connection may send before anybody knows whose it is: bounded, whole requests on one connection as many as it likes."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.analytics import running_analytics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.analytics import Analytics

PIECE = 16 * 1024


@pytest.fixture
def service(database: str) -> Iterator[Analytics]:
    with running_analytics(database) as running:
        yield running


def sent(service: Analytics, begin: bytes, piece: bytes, most: int) -> tuple[bytes, int]:
    """What comes back when `piece` follows `begin` again and again, until the server has enough, and how many bytes it took."""
    address = urlsplit(service.url)
    took = 0
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        answer = b""
        try:
            connection.sendall(begin)
            while took < most:
                connection.sendall(piece)
                took += len(piece)
        except OSError:
            pass
        try:
            while part := connection.recv(65_536):
                answer += part
        except OSError:
            pass
        return answer, took


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /api/analytics/trends?x=", b"x" * PIECE),
        (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ", b"x" * PIECE),
        (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n", b"x: y\r\n" * (PIECE // 6)),
        (
            b"POST /api/analytics/funnel HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x: y\r\n" * (PIECE // 6),
        ),
    ],
    ids=["address", "header", "headers", "headers behind a body"],
)
def test_what_is_not_whole_is_bounded(service: Analytics, begin: bytes, piece: bytes) -> None:
    answer, took = sent(service, begin, piece, 64 * 1024 * 1024)
    assert took < 16 * 1024 * 1024
    assert not answer or answer.split()[1] in (b"400", b"401")
    assert service.client.get(f"{service.url}/healthz").status_code == 200


def test_a_connection_may_ask_for_long(service: Analytics) -> None:
    address = urlsplit(service.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
    for _ in range(40):
        connection.request("GET", "/healthz", headers={"x": "x" * PIECE})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()
