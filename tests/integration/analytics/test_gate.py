"""The one way in: names, pages, credentials, how often."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_socket
from websockets.typing import Origin

from prelude_analytics.access.tokens import make
from prelude_analytics.app import PREFIX
from tests.support.analytics import ADA, Analytics, running_analytics
from tests.support.postgres import TestServer

sockets = APIRouter()


@sockets.websocket("/test-socket")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    database = postgres.create_database()
    with running_analytics(database, also=sockets) as running:
        yield running
    postgres.drop_database(database)


@pytest.fixture
def cookie(service: Analytics) -> Iterator[httpx.Client]:
    """A browser that has signed in."""
    answer = service.client.post("/session", json={"token": service.token("self", ADA).token})
    assert answer.status_code == 201
    attributes = answer.headers["set-cookie"]
    assert "HttpOnly" in attributes
    assert "SameSite=Strict" in attributes
    with httpx.Client(base_url=service.client.base_url, cookies=dict(answer.cookies), trust_env=False) as client:
        yield client


def test_an_unknown_host_is_refused(service: Analytics) -> None:
    with service.signed() as client:
        answer = client.get("/session", headers={"host": "evil.example"})
        assert (answer.status_code, answer.json()["title"]) == (421, "Unknown host")
        assert client.get("/session", headers={"host": "localhost:8000"}).status_code == 200


def test_a_foreign_page_is_refused(service: Analytics) -> None:
    with service.signed() as client:
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
            assert client.get("/session", headers={"origin": origin}).status_code == 403
        assert client.get("/session", headers={"origin": service.url}).status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization"])
def test_a_credential_in_the_address_is_refused_with_a_hint(service: Analytics, name: str) -> None:
    answer = service.client.get("/session", params={name: service.token().token})
    assert answer.status_code == 400
    assert "Authorization: Bearer" in answer.json()["detail"]


def test_a_cookie_reads_and_ends(service: Analytics, cookie: httpx.Client) -> None:
    assert cookie.get("/session").json()["user"] == ADA
    assert cookie.delete("/session").status_code == 403  # no page of ours asked
    assert cookie.delete("/session", headers={"origin": "http://evil.example"}).status_code == 403
    assert cookie.delete("/session", headers={"origin": service.url}).status_code == 204
    assert cookie.get("/session").status_code == 401


def test_off_loopback_the_cookie_is_secure_and_of_this_host_alone(database: str) -> None:
    with running_analytics(database, allowed_hosts=("crm.example.com",)) as service:
        token = {"token": service.token().token}
        answer = service.client.post("/session", json=token, headers={"host": "crm.example.com"})
        assert answer.headers["set-cookie"].startswith("__Host-prelude_session=")
        assert "; Path=/; HttpOnly; SameSite=Strict; Secure" in answer.headers["set-cookie"]
        assert "Domain" not in answer.headers["set-cookie"]


def test_a_session_ends_with_its_token(service: Analytics) -> None:
    token = service.token()
    answer = service.client.post("/session", json={"token": token.token})
    with httpx.Client(base_url=service.client.base_url, cookies=dict(answer.cookies), trust_env=False) as client:
        assert client.get("/session").status_code == 200
        service.revoke(token)
        refused = client.get("/session")
        assert (refused.status_code, refused.json()["reason"]) == (401, "revoked")


def test_a_socket_with_a_cookie_needs_a_page_of_ours(service: Analytics, cookie: httpx.Client) -> None:
    address = f"{service.url}{PREFIX}/test-socket".replace("http", "ws", 1)
    header = {"cookie": "; ".join(f"{name}={value}" for name, value in cookie.cookies.items())}
    for origin in (None, Origin("http://evil.example")):
        with (
            pytest.raises(InvalidStatus),
            connect_socket(address, origin=origin, additional_headers=header, proxy=None),
        ):
            pass
    with connect_socket(address, origin=Origin(service.url), additional_headers=header, proxy=None) as socket:
        socket.send("hello")
        assert socket.recv(timeout=5) == "hello"


def test_an_open_socket_ends_when_its_token_is_revoked(service: Analytics) -> None:
    token = service.token()
    address = f"{service.url}{PREFIX}/test-socket".replace("http", "ws", 1)
    with connect_socket(address, additional_headers={"authorization": f"Bearer {token.token}"}, proxy=None) as socket:
        socket.send("hello")
        assert socket.recv(timeout=5) == "hello"
        service.revoke(token)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_wrong_credentials_are_slowed_down_and_right_ones_are_not(service: Analytics) -> None:
    service.forget_failures()
    with service.signed() as client:
        assert client.get("/session").status_code == 200
        answers = [_with(service, make().secret).status_code for _ in range(40)]
        assert set(answers) == {401, 429}
        assert int(_with(service, make().secret).headers["retry-after"]) >= 1
        assert client.get("/session").status_code == 200
    service.forget_failures()


def test_guesses_at_one_token_are_slowed_down_by_its_id(service: Analytics) -> None:
    service.forget_failures()
    known = service.token()
    wrong = known.token[:-43] + make().secret[-43:]
    assert [_with(service, wrong).status_code for _ in range(11)] == [401] * 10 + [429]
    service.forget_failures()


def test_a_flood_from_one_token_is_told_when_to_come_again(database: str) -> None:
    with (
        running_analytics(database, requests_per_second=0.5, requests_at_once=3) as service,
        service.signed() as client,
    ):
        answers = [client.get("/session") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["retry-after"] in ("1", "2")
        with service.signed() as other:
            assert other.get("/session").status_code == 200


@pytest.mark.parametrize(
    "route",
    [
        "GET /activities",
        "GET /recent-activities",
        "GET /users",
        "GET /sessions",
        "POST /funnel",
        "GET /export.csv",
        "GET /export.ndjson",
    ],
)
def test_a_flood_is_stopped_on_every_kind_of_route(limited: Analytics, route: str) -> None:
    method, path = route.split()
    with limited.signed() as client:
        answers = [client.request(method, path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == ([422, 422, 429] if method == "POST" else [200, 200, 429])
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 11


def test_a_flood_of_sockets_is_stopped(limited: Analytics) -> None:
    headers = {"authorization": f"Bearer {limited.token().token}"}
    address = f"{limited.url.replace('http', 'ws', 1)}/api/analytics/live"
    for _ in range(2):
        with connect_socket(address, additional_headers=headers):
            pass
    with pytest.raises(InvalidStatus) as error, connect_socket(address, additional_headers=headers):
        pass
    assert error.value.response.status_code == 429
    assert 1 <= int(error.value.response.headers["retry-after"]) <= 11


@pytest.fixture(scope="module")
def limited(postgres: TestServer) -> Iterator[Analytics]:
    """Two requests of a token, and then one each ten seconds."""
    database = postgres.create_database()
    with running_analytics(database, requests_per_second=0.1, requests_at_once=2) as running:
        yield running
    postgres.drop_database(database)


def test_only_a_hash_is_kept(service: Analytics) -> None:
    token = service.token()
    with psycopg.connect(service.database) as connection:
        rows = connection.execute("SELECT t::text FROM analytics_tokens AS t").fetchall()
    assert not any(token.token[-43:] in row[0] for row in rows)
    assert token.token not in repr(token)


def _with(service: Analytics, secret: str) -> httpx.Response:
    return service.client.get("/session", headers={"authorization": f"Bearer {secret}"})
