"""What every answer has, whoever asks; who may read the process's own figures; and requests that are refused by their form."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.analytics import ADA, Analytics, running_analytics
from tests.support.postgres import TestServer


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    """One that believes that other machines can reach it."""
    database = postgres.create_database()
    with running_analytics(database, host="0.0.0.0", allow_cleartext=True) as running:
        yield running
    postgres.drop_database(database)


@pytest.fixture(scope="module")
def client(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed() as signed:
        yield signed


def test_no_answer_is_framed_sniffed_or_kept(service: Analytics, client: httpx.Client) -> None:
    for answer in (
        client.get("/activities"),
        client.get("/export.csv"),
        client.get("/nothing"),
        client.get("/activities", params={"days": "x"}),
        service.client.get("/activities"),
        client.get("/activities", headers={"host": "evil.example"}),
    ):
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("cache-control") == ["no-store"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


def test_beyond_this_machine_the_figures_of_the_process_need_a_token_of_more_than_oneself(
    service: Analytics, client: httpx.Client
) -> None:
    address = f"{service.url}/metrics"
    assert service.client.get(address).status_code == 401
    assert client.get(address).status_code == 200
    with service.signed("govern") as govern, service.signed("self", ADA) as own:
        assert govern.get(address).status_code == 200
        assert own.get(address).status_code == 403


def test_a_proxy_on_this_machine_does_not_open_the_figures_of_the_process(database: str) -> None:
    with running_analytics(database, allowed_hosts=("crm.example.com",)) as local:
        address = f"{local.url}/metrics"
        assert local.client.get(address).status_code == 200
        assert local.client.get(address, headers={"x-forwarded-for": "192.0.2.1"}).status_code == 401
        assert local.client.get(address, headers={"host": "crm.example.com"}).status_code == 401


def test_a_parameter_stands_once(client: httpx.Client) -> None:
    for path in ("/activities", "/recent-activities", "/export.csv"):
        answer = client.get(path, params=[("user_email", ADA), ("user_email", "")])
        assert (answer.status_code, answer.json()["parameter"]) == (422, "user_email")
        assert answer.json()["allowed"] == "it is given once"


def test_a_token_anywhere_in_an_address_is_refused(service: Analytics, client: httpx.Client) -> None:
    token = service.token().token
    for path in (f"/recent-activities?q={token}", f"/sessions/{token}", f"/{token}", f"/activities?q=%70{token[1:]}"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["title"]) == (400, "Credential in the address"), path
        assert token[-43:] not in answer.text


def test_a_problem_does_not_repeat_a_token(service: Analytics) -> None:
    token = service.token().token
    for body in ({"tokn": token}, {"token": token, "more": token}, {"token": [token]}):
        answer = service.client.post("/session", json=body)
        assert answer.status_code == 422
        assert token[-43:] not in answer.text


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(
    service: Analytics, client: httpx.Client
) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 65_536

    assert client.post("/funnel", content=b"x" * 1_100_000).status_code == 413
    for asked in (client.post("/funnel", content=parts()), service.client.post("/session", content=parts())):
        assert (asked.status_code, asked.headers["content-type"]) == (413, "application/problem+json")
