"""All routes of the API × all kinds of wrong parameters, from the API's own description: each is refused by name, value and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote_from_bytes, urlencode

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_socket

from prelude_analytics.app import PREFIX, make_app
from prelude_analytics.cursors import pack
from prelude_analytics.filters import Filters
from prelude_analytics.settings import Settings
from prelude_store.rollups import passes
from prelude_store.rollups.keeper import connected
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row

LONG: Final = "a" * 10_000
NUL: Final = "a\x00b"
MARS: Final = "Mars/Olympus"
DATES: Final = (
    "yesterday", "2026-02-30", "2026-13-01", "01/02/2026", "2026-1-1", "1969-12-31", "2200-01-01", "2026-01-01T25:00", "", NUL, LONG,
)  # fmt: skip
CHOSEN: Final = ("no such", "", NUL, LONG)
"""No value of a parameter that allows a few."""
NUMBERS: Final = ("0", "-1", "1001", "abc", "1.5", "1e3", "", " ", "9" * 5_000, NUL)

# By the parameter's name: what is none of its values. What has a list of its values in the description needs no line.
WRONG: Final[dict[str, tuple[str, ...]]] = {
    "days": ("0", "-1", "3661", "abc", "1.5", "", "9" * 5_000),
    "from": DATES,
    "to": DATES,
    "tz": (MARS, "CET+1", "../../etc/passwd", "", NUL, LONG),
    "limit": NUMBERS,
    "cursor": ("abc", "", NUL, LONG, "é"),
    "as_of": ("abc", "", NUL, LONG, "é"),
    "with_errors": ("perhaps", "", NUL),
    "reads": ("perhaps", "", NUL),
    "q": ("", "x", LONG, NUL),
    "user_email": ("", " ", NUL, LONG),
    "return_action": ("", "create_deal", "sales.create_deal", "crm.", NUL, LONG),
    "people_of": ("yesterday", "2026-02-30", "1999-01-01", "", NUL),
    "people_in": ("-1", "abc", ""),
    "start": ("", "create_deal", "sales.create_deal", "crm.", NUL, LONG),
    "reason": (NUL, LONG),
    "before": ("0", "-1", "abc", "", "9" * 30),
    "depth": ("0", "6", "-1", "abc", ""),
    "gap": ("0", "-1", "43201", "abc", "", "9" * 30),
    "top": ("0", "-1", "51", "abc", ""),
    "list_step": ("-1", "6", "abc", ""),
    "list_action": ("", NUL, LONG),
    "list_next": ("", NUL, LONG),
    "with_others": ("perhaps", "", NUL),
    "all": ("perhaps", "", NUL),
    **dict.fromkeys(
        (
            "action_name", "entity_type", "entity_id", "service_name", "session_id", "tag", "page_route", "customer_id", "ip_address", "browser",
        ),
        ("", NUL, LONG),
    ),
}  # fmt: skip
RANGES: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("to", {"from": "2026-02-01", "to": "2026-01-01"}),
    ("to", {"from": "2026-02-01", "to": "2026-02-01"}),
    ("to", {"to": "2026-02-01"}),
    ("from", {"from": "2100-01-01"}),
    ("from", {"from": "1971-01-01", "to": "2026-01-01"}),
    ("days", {"from": "2026-02-01", "days": "3"}),
)
FUNNEL: Final = {"steps": [{"actions": ["crm.view_customer"]}, {"actions": ["crm.create_deal"]}]}
BODIES: Final[tuple[Any, ...]] = (
    None, 1, "a", [], {}, {"steps": None}, {"steps": []}, {"steps": [{}]}, {"steps": [{"actions": []}]},
    {"steps": [{"actions": [1]}]}, {"steps": [{"actions": ["crm.view_customer"], "more": 1}]}, {**FUNNEL, "window": -1},
    {**FUNNEL, "window": 10**30}, {**FUNNEL, "window": "an hour"}, {**FUNNEL, "order": "random"}, {**FUNNEL, "breakdown": "colour"},
    {**FUNNEL, "people": {"step": 9, "outcome": "reached"}}, {**FUNNEL, "people": {"step": 1, "outcome": "reached", "limit": 1001}},
    {**FUNNEL, "people": {"step": 1, "outcome": "reached", "cursor": "abc"}}, {"steps": [{"actions": [NUL]}] * 2},
    {"steps": [{"actions": ["a" * 10_000]}] * 2}, {**FUNNEL, "more": 1},
)  # fmt: skip

DOCUMENT: Final = make_app(Settings(database_url="")).openapi()
OPERATIONS: Final = {
    f"{method.upper()} {path.removeprefix(PREFIX)}": operation
    for path, operations in DOCUMENT["paths"].items()
    if path.startswith(PREFIX)
    for method, operation in operations.items()
}
CURSORS: Final = [
    name
    for name, operation in OPERATIONS.items()
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ()))
]


TODAY: Final = {"unit": "day", "first": "range", "people_of": str(datetime.now(UTC).date())}
VISITS: Final = {"list_step": "0", "list_action": "crm.view_customer"}
PAGE: Final[dict[str, dict[str, str]]] = {
    "GET /cohorts": TODAY,
    "GET /paths": VISITS,
    "GET /sessions/{session_id}": {"user_email": BOB},
}
"""What a page of a list needs beside its limit."""


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    url = postgres.create_database()
    writer = Writer(as_role(url, "writer"))
    emails = (ADA, BOB)
    rows = [
        make_row(
            user_email=emails[n % 2],
            session_id=f"s{n % 5}",
            page_route=f"/{n}",
            entity_id=str(n),
            action_name="view_customer",
        )
        for n in range(20)
    ]
    writer.write(Batch(rows=rows))
    writer.close()
    with connected(as_role(url, "keeper"), "test") as keeper:
        while passes.carry_out(keeper).places:
            pass
    with running_analytics(url, requests_per_second=0) as running:
        yield running
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def client(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed("all") as signed, service.signed("govern") as govern:
        tokens = {role: str(one.headers["authorization"]) for role, one in (("all", signed), ("govern", govern))}

        def by_route(request: httpx.Request) -> httpx.Request:
            request.headers["authorization"] = tokens["govern" if "/governance/" in request.url.path else "all"]
            return request

        signed.auth = by_route
        yield signed


def send(client: httpx.Client, route: str, query: str = "", body: Any = FUNNEL) -> httpx.Response:
    method, path = route.split()
    address = path.replace("{session_id}", "s1").replace("{number}", "7") + (f"?{query}" if query else "")
    if method == "GET":
        return client.get(address)
    return client.request(method, address, json={"token": "prelude_a_x"} if path == "/session" else body)


def following(client: httpx.Client, route: str, page: dict[str, str]) -> str | None:
    """The cursor behind a page."""
    answer = send(client, route, urlencode(page))
    assert answer.status_code == 200, answer.text
    told = re.search(r'"next_cursor":"([^"]*)"', answer.text)
    return told and told[1]


def refused(answer: httpx.Response, parameter: str, value: str | None = None) -> None:
    """A problem that names the parameter, what was given, and what is allowed."""
    assert answer.status_code == 422, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.text, parse_constant=pytest.fail)
    assert problem["parameter"] == parameter, problem
    assert "value" in problem
    assert problem["allowed"]
    assert value is None or problem["value"] is None or str(problem["value"])[:20] == value[:20], problem
    assert len(answer.content) < 5_000


def parameters(route: str) -> dict[str, dict[str, Any]]:
    """The query parameters of a route."""
    return {one["name"]: one["schema"] for one in OPERATIONS[route].get("parameters", ()) if one["in"] == "query"}


def wrong_values(route: str) -> Iterator[tuple[str, str]]:
    for name, schema in parameters(route).items():
        choices = schema.get("enum") or next((one["enum"] for one in schema.get("anyOf", ()) if "enum" in one), None)
        for value in CHOSEN if choices else WRONG[name]:
            yield name, value


WITH_QUERY: Final = [route for route in OPERATIONS if parameters(route)]


@pytest.mark.parametrize("route", WITH_QUERY)
def test_a_wrong_value_is_named_on_every_route(client: httpx.Client, route: str) -> None:
    for name, value in wrong_values(route):
        beside = PAGE.get(route, {}) if name in ("cursor", "people_in", "list_action", "list_next") else {}
        refused(send(client, route, urlencode({**beside, name: value})), name, value)


@pytest.mark.parametrize("route", [route for route in WITH_QUERY if "from" in parameters(route)])
def test_a_range_that_is_none_is_named_on_every_route(client: httpx.Client, route: str) -> None:
    for name, asked in RANGES:
        refused(send(client, route, urlencode(asked)), name, asked[name])


@pytest.mark.parametrize("route", [route for route in OPERATIONS if route != "POST /session"])
def test_a_parameter_that_is_unknown_or_stands_twice_is_named_on_every_route(client: httpx.Client, route: str) -> None:
    if parameters(route):
        refused(send(client, route, "colour=red"), "colour", "red")
        refused(send(client, route, "Limit=3"), "Limit", "3")
    name = next(iter(parameters(route)), "a")
    refused(send(client, route, f"{name}=1&{name}=2"), name, "2")


@pytest.mark.parametrize("route", [route for route in WITH_QUERY if "user_email" in parameters(route)])
def test_bytes_that_are_no_text_are_refused_or_found_nowhere(client: httpx.Client, route: str) -> None:
    for wrong in (b"\xff", b"\xed\xa0\x80", b"a\xc3", b"\xf4\x90\x80\x80"):  # lone halves of characters among them
        answer = send(client, route, f"user_email={quote_from_bytes(wrong)}")
        assert answer.status_code in (200, 404, 422), answer.text
        assert answer.headers["content-type"].split(";")[0] != "text/plain"


@pytest.mark.parametrize("route", CURSORS)
def test_a_cursor_that_is_torn_or_of_another_list_is_named(client: httpx.Client, route: str) -> None:
    page = {"limit": "1"} | PAGE.get(route, {})
    own = following(client, route, page)
    foreign = [
        token
        for other in CURSORS
        if other != route
        for token in (following(client, other, {"limit": "1"} | PAGE.get(other, {})),)
        if token is not None
    ]
    assert len(foreign) >= 5
    strange = [pack({}), pack({"asked": "0"}), pack({"at": 1, "id": [], "since": None, "asked": "", "watermark": {}})]
    torn = (
        []
        if own is None
        else [own[:-1], own[1:], own[: len(own) // 2], f"{own}A", f"{own} ", f"A{own}", own.swapcase()]
    )
    for token in (*foreign, *strange, *torn):
        refused(send(client, route, urlencode(page | {"cursor": token})), "cursor", token)
    if own is not None:
        assert send(client, route, urlencode(page | {"cursor": own})).status_code == 200
        others = {"user_email": ADA} if "{" in route else {"days": "3"}
        changed = send(client, route, urlencode(page | {"cursor": own} | others))
        assert changed.status_code == 422, changed.text


@pytest.mark.parametrize("body", BODIES, ids=lambda body: json.dumps(body)[:60])
def test_a_funnel_that_is_none_is_named(client: httpx.Client, body: Any) -> None:
    answer = send(client, "POST /funnel", body=body)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["parameter"]
    assert "value" in problem
    assert problem["allowed"]


@pytest.mark.parametrize("name", sorted(Filters.__dataclass_fields__))
def test_a_wrong_value_is_named_by_the_feed(service: Analytics, name: str) -> None:
    token = service.token().token
    for asked in (
        [(name, "")],
        [(name, NUL)],
        [(name, LONG[:6_000])],
        [(name, "a"), (name, "b")],
        [("colour", "red"), (name, "a")],
    ):
        address = f"{service.url.replace('http', 'ws', 1)}{PREFIX}/live?{urlencode(asked)}"
        with (
            pytest.raises(InvalidStatus) as error,
            connect_socket(address, additional_headers={"authorization": f"Bearer {token}"}),
        ):
            pass
        answer = error.value.response
        problem = json.loads(answer.body or b"")
        assert (answer.status_code, problem["parameter"]) == (422, "colour" if asked[0][0] == "colour" else name)
        assert problem["allowed"]
