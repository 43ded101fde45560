"""All routes × all kinds of callers, compared with one table. A route that is not in the table fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from fastapi.routing import iter_route_contexts
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_socket

from prelude_analytics.app import PREFIX, make_app
from prelude_analytics.settings import Settings
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.postgres import TestServer

if TYPE_CHECKING:
    from fastapi import FastAPI

CALLERS: Final = ("nobody", "unknown", "expired", "revoked", "self", "all", "govern")
OPEN: Final = (200,) * 7
READ: Final = (401, 401, 401, 401, 200, 200, 200)
"""Everybody with a valid credential; ``self`` sees own rows alone, which further tests look at."""
OPERATE: Final = (401, 401, 401, 401, 403, 200, 200)
GOVERN: Final = (401, 401, 401, 401, 403, 403, 404)
"""Of an entry that is not there."""
GOVERN_READ: Final = (401, 401, 401, 401, 403, 403, 200)
GOVERN_BODY: Final = (401, 401, 401, 401, 403, 403, 422)
"""Without what must be sent."""

GOVERN_FORM: Final = (303, 303, 303, 303, 403, 403, 422)

PAGE: Final = (303, 303, 303, 303, 200, 200, 200)

# What each caller is answered. A new route needs a line here.
TABLE: Final = {
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": OPEN,
    "GET /openapi.json": READ,
    "GET /session": READ,
    "POST /session": (422,) * 7,  # by the token in its body, whatever else comes along
    "DELETE /session": (401, 401, 401, 401, 409, 409, 409),  # cookies alone belong to a session
    "GET /activities": READ,
    "GET /recent-activities": READ,
    "GET /sessions": READ,
    "GET /sessions/{session_id}": (401, 401, 401, 401, 404, 404, 404),
    "GET /users": (401, 401, 401, 401, 200, 200, 403),
    "GET /customers": READ,
    "GET /emails": (401, 401, 401, 401, 200, 200, 403),
    "GET /deals": READ,
    "GET /pages": READ,
    "GET /origins": READ,
    "GET /trends": READ,
    "GET /heatmap": READ,
    "GET /latency": READ,
    "GET /errors": READ,
    "POST /funnel": (401, 401, 401, 401, 422, 422, 422),  # without steps
    "GET /cohorts": READ,
    "GET /paths": READ,
    "GET /export.csv": READ,
    "GET /export.ndjson": READ,
    "GET /governance/state": GOVERN_READ,
    "GET /governance/policies": GOVERN_READ,
    "PUT /governance/policies": GOVERN_BODY,
    "DELETE /governance/policies": (401, 401, 401, 401, 403, 403, 409),  # there is none
    "GET /governance/plan": GOVERN_READ,
    "GET /governance/holds": GOVERN_READ,
    "POST /governance/holds": GOVERN_BODY,
    "DELETE /governance/holds/{number}": GOVERN_BODY,
    "GET /governance/requests": GOVERN_READ,
    "POST /governance/requests": GOVERN_BODY,
    "GET /governance/requests/{number}": GOVERN,
    "POST /governance/requests/{number}/extend": GOVERN_BODY,
    "POST /governance/requests/{number}/close": GOVERN_BODY,
    "POST /governance/requests/{number}/carry-out": GOVERN_BODY,
    "GET /governance/proposals": GOVERN_READ,
    "POST /governance/proposals/{number}/consent": GOVERN,
    "POST /governance/proposals/{number}/refuse": GOVERN,
    "GET /governance/receipts": GOVERN_READ,
    "GET /governance/receipts/{number}": GOVERN,
    "GET /governance/acts": GOVERN_READ,
    "GET /system": OPERATE,
    "GET /governance/audit": (401, 401, 401, 401, 403, 403, 200),
    "GET /quarantine": OPERATE,
    "GET /quarantine/{number}": GOVERN,
    "POST /quarantine/{number}/replay": GOVERN,
    "DELETE /quarantine/{number}": GOVERN,
    "GET /governance/export": (401, 401, 401, 401, 200, 403, 422),  # who governs must say whose
    # Pages lead to the sign-in page; beside it and the assets nothing is open.
    "GET /analytics": PAGE,
    "GET /analytics/live": PAGE,
    "GET /analytics/activities": PAGE,
    "GET /analytics/sessions": PAGE,
    "GET /analytics/people": PAGE,
    "GET /analytics/person": (303, 303, 303, 303, 200, 404, 404),
    "GET /analytics/customers": PAGE,
    "GET /analytics/entity": (303, 303, 303, 303, 404, 404, 404),
    "GET /analytics/session": (303, 303, 303, 303, 404, 404, 404),
    "GET /analytics/funnels": PAGE,
    "GET /analytics/cohorts": PAGE,
    "GET /analytics/paths": PAGE,
    "GET /analytics/reports": PAGE,
    "GET /analytics/audit": (303, 303, 303, 303, 403, 403, 200),
    "GET /analytics/system": (303, 303, 303, 303, 403, 200, 200),
    "POST /analytics/system/{number}/replay": (303, 303, 303, 303, 403, 403, 404),
    "POST /analytics/system/{number}/discard": (303, 303, 303, 303, 403, 403, 404),
    "GET /analytics/governance": (303, 303, 303, 303, 403, 403, 200),
    "GET /analytics/governance/receipts/{number}": (303, 303, 303, 303, 403, 403, 404),
    "POST /analytics/governance/requests": GOVERN_FORM,
    "POST /analytics/governance/requests/{number}/extend": GOVERN_FORM,
    "POST /analytics/governance/requests/{number}/close": GOVERN_FORM,
    "POST /analytics/governance/requests/{number}/carry-out": GOVERN_FORM,
    "POST /analytics/governance/policies": GOVERN_FORM,
    "POST /analytics/governance/policies/remove": (303, 303, 303, 303, 403, 403, 409),  # there is none
    "POST /analytics/governance/holds": GOVERN_FORM,
    "POST /analytics/governance/holds/{number}/release": (303, 303, 303, 303, 403, 403, 404),
    "POST /analytics/governance/proposals/{number}/consent": (303, 303, 303, 303, 403, 403, 404),
    "POST /analytics/governance/proposals/{number}/refuse": (303, 303, 303, 303, 403, 403, 404),
    "GET /analytics/sign-in": OPEN,
    "POST /analytics/sign-in": (403,) * 7,  # no page of ours sends it
    "POST /analytics/sign-out": (303,) * 7,
    "GET /analytics/assets/{name}": (404,) * 7,
    "GET /analytics/{rest:path}": (303, 303, 303, 303, 404, 404, 404),
    "WS /live": (401, 401, 401, 401, 101, 101, 101),
}


def routes(app: FastAPI) -> list[str]:
    """All routes, as the table has them."""
    found = []
    for context in iter_route_contexts(app.routes):
        path = str(context.path).removeprefix(PREFIX)
        methods = getattr(context, "methods", None) or {"WS"}
        found += [f"{method} {path}" for method in methods if method != "HEAD"]
    return sorted(found)


ROUTES: Final = routes(make_app(Settings(database_url="")))


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    database = postgres.create_database()
    with running_analytics(database) as running:
        yield running
    postgres.drop_database(database)


@pytest.fixture(scope="module")
def headers(service: Analytics) -> dict[str, dict[str, str]]:
    """What each kind of caller shows."""
    revoked, expired = service.token("all"), service.token("all", valid_for=timedelta(seconds=-1))
    service.revoke(revoked)
    shown = {
        "unknown": f"prelude_a_{'a' * 10}_{'b' * 43}",
        "expired": expired.token,
        "revoked": revoked.token,
        "self": service.token("self", ADA).token,
        "all": service.token("all").token,
        "govern": service.token("govern").token,
    }
    return {"nobody": {}} | {name: {"authorization": f"Bearer {token}"} for name, token in shown.items()}


def test_every_route_stands_in_the_table() -> None:
    assert [route for route in ROUTES if route not in TABLE] == []


@pytest.mark.parametrize("route", ROUTES)
def test_each_caller_is_answered_as_the_table_says(
    service: Analytics, headers: dict[str, dict[str, str]], route: str
) -> None:
    service.forget_failures()
    answered = tuple(_status(service, route, headers[caller]) for caller in CALLERS)
    assert dict(zip(CALLERS, answered, strict=True)) == dict(zip(CALLERS, TABLE[route], strict=True))


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("GET") and TABLE[route] is READ])
def test_a_token_for_oneself_does_not_open_anybody_elses(
    service: Analytics, headers: dict[str, dict[str, str]], route: str
) -> None:
    if route in ("GET /openapi.json", "GET /session"):
        return
    answer = service.client.get(_url(service, route), params={"user_email": BOB}, headers=headers["self"])
    assert answer.status_code in (403, 422)
    assert route == "GET /paths" or answer.status_code == 403 or answer.json()["parameter"] == "user_email"


def test_named_rankings_can_be_switched_off(service: Analytics) -> None:
    with running_analytics(service.database, named_rankings=False) as other, other.signed("all") as client:
        for route in ("/users", "/emails"):
            answer = client.get(route)
            assert (answer.status_code, answer.json()["title"]) == (403, "No named rankings")
            assert "PRELUDE_NAMED_RANKINGS" in answer.json()["detail"]


def _status(service: Analytics, route: str, headers: dict[str, str]) -> int:
    method, _, _ = route.partition(" ")
    if method == "WS":
        return _socket_status(service, route, headers)
    given: dict[str, Any] = {"json": {}} if method in ("POST", "PUT") else {}
    return service.client.request(method, _url(service, route), headers=headers, **given).status_code


def _socket_status(service: Analytics, route: str, headers: dict[str, str]) -> int:
    try:
        with connect_socket(_url(service, route).replace("http", "ws", 1), additional_headers=headers, proxy=None):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def _url(service: Analytics, route: str) -> str:
    path = route.partition(" ")[2].replace("{session_id}", "nothing").replace("{number}", "7")
    own = path in ("/healthz", "/readyz", "/metrics") or path.startswith("/analytics")
    return service.url + ("" if own else PREFIX) + path.replace("{rest:path}", "nowhere")
