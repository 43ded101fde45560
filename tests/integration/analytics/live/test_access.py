"""Who may listen, to what, and for how long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from prelude_analytics.access import issue
from prelude_store.connection import connect
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.live import listening
from tests.support.rows import make_row

PATH = "/api/analytics/live"


@pytest.fixture
def service(database: str) -> Iterator[Analytics]:
    with running_analytics(database) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def refused(url: str, **asked: Any) -> tuple[int, dict[str, Any]]:
    """Status and problem of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as caught, listening(url, path=PATH, **asked):
        pass
    return caught.value.response.status_code, json.loads(caught.value.response.body or b"{}")


def test_the_role_self_hears_of_its_own_rows_alone(service: Analytics, writer: Writer) -> None:
    own, everybody = service.token("self"), service.token("all")
    with (
        listening(service.url, path=PATH, headers=bearer(own.token)) as ada,
        listening(service.url, path=PATH, headers=bearer(everybody.token)) as all_seeing,
    ):
        rows = [make_row(user_email=user) for user in (BOB, ADA, None, BOB, ADA)]
        writer.write(Batch(rows=rows))
        all_seeing.until_rows(5)
        ada.until_rows(2)
    assert ada.event_ids == [row.event_id for row in rows if row.user_email == ADA]


def test_the_role_self_does_not_ask_for_others(service: Analytics) -> None:
    status, problem = refused(service.url, headers=bearer(service.token("self").token), user_email=BOB)
    assert (status, problem["parameter"]) == (403, "user_email")


def test_without_a_credential_or_from_a_foreign_page_nobody_is_let_in(service: Analytics) -> None:
    token = service.token("all").token
    assert refused(service.url)[0] == 401
    assert refused(service.url, headers=bearer(token) | {"origin": "https://evil.example"})[0] == 403
    assert refused(service.url, token=token)[0] == 400


def test_a_page_of_ours_listens_with_its_cookie(service: Analytics, writer: Writer) -> None:
    token = service.token("all").token
    answer = httpx.post(f"{service.url}/api/analytics/session", json={"token": token}, headers={"origin": service.url})
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    assert refused(service.url, headers={"cookie": cookie})[0] == 403
    with listening(service.url, path=PATH, headers={"cookie": cookie, "origin": service.url}) as client:
        writer.write(Batch(rows=[make_row()]))
        client.until_rows(1)


def test_a_socket_ends_at_once_when_its_token_is_revoked(service: Analytics) -> None:
    token = service.token("all")
    with listening(service.url, path=PATH, headers=bearer(token.token)) as client:
        with connect(service.database, "test") as connection:
            assert issue.revoke(connection, token.id)
        assert client.until_closed() == (4401, "the credential has ended")


def test_a_socket_ends_at_once_when_its_page_is_signed_out_and_no_other_does(
    service: Analytics, writer: Writer
) -> None:
    token = service.token("all").token
    address = f"{service.url}/api/analytics/session"
    cookies = []
    for _ in range(2):
        answer = httpx.post(address, json={"token": token}, headers={"origin": service.url})
        cookies.append("; ".join(f"{name}={value}" for name, value in answer.cookies.items()))
    signed_out, stays = ({"cookie": cookie, "origin": service.url} for cookie in cookies)
    with (
        listening(service.url, path=PATH, headers=signed_out) as gone,
        listening(service.url, path=PATH, headers=stays) as here,
        listening(service.url, path=PATH, headers=bearer(token)) as program,
    ):
        assert httpx.delete(address, headers=signed_out).status_code == 204
        assert gone.until_closed() == (4401, "the credential has ended")
        writer.write(Batch(rows=[make_row()]))
        for each in (here, program):
            each.until_rows(1)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"cursor": "nonsense"}, "cursor"),
        ({"action_type": "nonsense"}, "action_type"),
        ({"days": "7"}, "days"),
        ({"q": "x"}, "q"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_socket_opens(
    service: Analytics, asked: dict[str, str], parameter: str
) -> None:
    status, problem = refused(service.url, headers=bearer(service.token("all").token), **asked)
    assert (status, problem["parameter"]) == (422, parameter)
