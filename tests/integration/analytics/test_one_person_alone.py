"""What a token for oneself is told is the same, to the letter, whether or not there is anybody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import httpx
import pytest

from prelude_analytics.cursors import Watermark
from prelude_store.connection import connect
from prelude_store.rollups import passes
from prelude_store.rollups.keeper import connected
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.integration.analytics.test_access_matrix import CALLERS, TABLE
from tests.integration.analytics.test_access_matrix import ROUTES as ALL_ROUTES
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.live import listening
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow

START_US: Final = int(datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE_US: Final = 60_000_000
RANGE: Final = {"from": "2026-03-01", "to": "2026-03-05"}
ACTIONS: Final = ("view_customer", "create_deal", "send_email", "generate_email", "view_deal", "update_deal")
STATUSES: Final = ("success", "success", "error", "timeout", "pending")
FUNNEL: Final = {
    "steps": [{"actions": ["crm.view_customer"]}, {"actions": ["crm.create_deal"]}],
    "breakdown": "service_name",
    "people": {"step": 1},
}

PLAIN: Final[list[dict[str, str]]] = [
    {},
    {"action_type": "crm", "action_name": "create_deal"},
    {"entity_type": "deal", "entity_id": "7"},
    {"result_status": "error"},
    {"service_name": "shared"},
    {"session_id": "shared"},
    {"tag": "shared"},
    {"q": "shared"},
    {"user_email": ADA},
]
"""Filters that find rows of both."""
LIST: Final = [{"limit": "7", **given} for given in PLAIN]
# What is asked of each route whose answers are about rows. A new route needs a line here, or in the set below.
ASKED: Final[dict[str, list[dict[str, str]]]] = {
    "GET /activities": PLAIN,
    "GET /recent-activities": LIST,
    "GET /sessions": [{}, {"limit": "1"}, {"session_id": "shared"}],
    "GET /sessions/{session_id}": [{}, {"limit": "2"}],
    "GET /users": PLAIN,
    "GET /customers": LIST,
    "GET /emails": PLAIN,
    "GET /deals": PLAIN,
    "GET /pages": LIST,
    "GET /origins": PLAIN,
    "GET /trends": [*PLAIN, {"stack": "name"}, {"stack": "service", "limit": "1"}],
    "GET /heatmap": PLAIN,
    "GET /latency": PLAIN,
    "GET /errors": PLAIN,
    "POST /funnel": [{}, {"service_name": "shared"}],
    "GET /cohorts": [{"unit": "day"}, {"unit": "day", "first": "range", "return_action": "crm.create_deal"}],
    "GET /paths": [{}, {"start": "crm.create_deal", "top": "1"}],
    "GET /export.csv": PLAIN,
    "GET /export.ndjson": PLAIN,
    "WS /live": [{}, {"action_name": "create_deal"}, {"q": "shared"}],
}
# Pages of the dashboard have tests of their own; what they show comes from the functions behind these routes.
ROUTES: Final = [route for route in ALL_ROUTES if not route.split()[1].startswith("/analytics")]
NOT_ABOUT_ROWS: Final = {
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /session",
    "POST /session",
    "DELETE /session",
    "GET /system",
    "GET /quarantine",
    "GET /quarantine/{number}",
    "POST /quarantine/{number}/replay",
    "DELETE /quarantine/{number}",
    "GET /governance/export",  # what others did that names one is in it, without their names: test_dossier.py
    *(route for route in ROUTES if TABLE[route][CALLERS.index("self")] == 403),
}
NO_RANGE: Final = {"GET /sessions/{session_id}", "WS /live"}


def rows_of(user: str) -> list[ActivityRow]:
    """A history in which everything has the name of its person, or is shared."""
    who = user.partition("@")[0]
    return [
        make_row(
            event_id=str(uuid5(NAMESPACE_URL, f"{who}-{number}")),
            timestamp_us=START_US + number * 37 * MINUTE_US,
            user_email=user,
            action_name=ACTIONS[number % 6] if number != 17 else f"{who}_only",
            session_id=("shared", f"{who}-visit", None)[number // 6 % 3],
            entity_type=("deal", "customer")[number % 2],
            entity_id=("7", f"{who}-8")[number // 2 % 2],
            page_url=f"/shared/{who}",
            page_route=("/shared", f"/{who}")[number % 2],
            service_name=("shared", f"{who}-service")[number % 3 // 2],
            action_data=json.dumps(
                {
                    "text": f"shared {who}",
                    "customer_id": ("7", f"{who}-9")[number % 2],
                    "value_usd": number,
                    "method": "smtp",
                }
            ),
            result_status=STATUSES[number % 5],
            result_data=json.dumps({"error": {"type": f"{who}-error"}}),
            tags=("shared", who),
            duration_ms=number if user == ADA else 90_000 + number,
        )
        for number in range(30)
    ]


HIS: Final = {"bob", *(row.event_id for row in rows_of(BOB))}


class Two(NamedTuple):
    """The same service twice."""

    both: Analytics
    alone: Analytics


@pytest.fixture(scope="module")
def two(postgres: TestServer) -> Iterator[Two]:
    """One with rows of Ada and Bob, one with Ada's alone."""
    urls = [postgres.create_database() for _ in range(2)]
    for url, people in zip(urls, ((BOB, ADA), (ADA,)), strict=True):
        writer = Writer(as_role(url, "writer"))
        for person in people:
            writer.write(Batch(rows=rows_of(person)))
        writer.close()
        with connected(as_role(url, "keeper"), "test") as keeper:
            while passes.carry_out(keeper).places:
                pass
        with connect(as_role(url, "keeper"), "test") as keeper:
            while tend(keeper):
                pass
    with running_analytics(urls[0]) as both, running_analytics(urls[1]) as alone:
        yield Two(both, alone)
    for url in urls:
        postgres.drop_database(url)


@pytest.fixture(scope="module")
def own(two: Two) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with two.both.signed("self", ADA) as first, two.alone.signed("self", ADA) as second:
        yield first, second


@pytest.fixture(scope="module")
def everybodys(two: Two) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    with two.both.signed("all") as first, two.alone.signed("all") as second:
        yield first, second


def test_every_route_is_asked_or_is_not_about_rows() -> None:
    assert sorted({*ASKED} | NOT_ABOUT_ROWS) == ROUTES


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in NOT_ABOUT_ROWS])
def test_what_one_is_told_does_not_depend_on_anybody_else(
    two: Two,
    own: tuple[httpx.Client, httpx.Client],
    everybodys: tuple[httpx.Client, httpx.Client],
    route: str,
) -> None:
    differs = False
    for given in ASKED[route]:
        told = [told_by(service, client, route, given) for service, client in zip(two, own, strict=True)]
        assert told[0] == told[1], given
        assert not [his for his in HIS if his in told[0].lower()], given
        if "user_email" not in given:
            shown = [told_by(service, client, route, given) for service, client in zip(two, everybodys, strict=True)]
            differs |= shown[0] != shown[1]
    assert differs, "nothing was asked in whose answer Bob could stand"


def test_somebody_elses_things_are_not_there_at_all(two: Two, own: tuple[httpx.Client, httpx.Client]) -> None:
    for path, given in (
        ("/sessions/bob-visit", {}),
        ("/recent-activities", {"session_id": "bob-visit"}),
        ("/recent-activities", {"q": "bob"}),
        ("/recent-activities", {"entity_type": "deal", "entity_id": "bob-8"}),
        ("/activities", {"service_name": "bob-service"}),
        ("/activities", {"tag": "bob"}),
        ("/export.ndjson", {"action_type": "crm", "action_name": "bob_only"}),
    ):
        asked = given if path.startswith("/sessions") else RANGE | given
        first, second = (client.get(path, params=asked) for client in own)
        assert first.status_code == second.status_code
        if first.status_code == 200 and path != "/export.ndjson":
            assert plain(first.json()) == plain(second.json())
    for route in ASKED:
        method, _, path = route.partition(" ")
        if method == "GET" and route not in NO_RANGE:
            refused = own[0].get(path, params=RANGE | {"user_email": BOB})
            assert refused.status_code == (403 if "/" in path else 200), route


def told_by(service: Analytics, client: httpx.Client, route: str, given: dict[str, str]) -> str:
    """All that is said, without the places in the order of everybody's commits."""
    method, _, path = route.partition(" ")
    asked = given if route in NO_RANGE else RANGE | given
    if method == "WS":
        return heard(service, client, given)
    if method == "POST":
        return json.dumps(plain(checked(client.post(path, params=asked, json=FUNNEL)).json()))
    answer = checked(client.get(path.replace("{session_id}", "shared"), params=asked), among=(200, 422))
    if not answer.headers["content-type"].startswith("application/json"):
        return answer.text if answer.status_code == 200 else json.dumps(answer.json()["title"])
    pages = [answer.json()]
    while pages[-1].get("next_cursor"):
        following = asked | {"cursor": pages[-1]["next_cursor"]}
        pages.append(checked(client.get(path.replace("{session_id}", "shared"), params=following)).json())
    return json.dumps([plain(page) for page in pages])


def heard(service: Analytics, client: httpx.Client, given: dict[str, str]) -> str:
    """All that a socket says that listens from the beginning of the log."""
    headers = {"authorization": client.headers["authorization"]}
    beginning = Watermark({}, datetime.now(UTC)).token
    with listening(service.url, cursor=beginning, path="/api/analytics/live", headers=headers, **given) as listener:
        listener.until("heartbeat")
    return json.dumps([listener.rows, listener.amendments])


def checked(answer: httpx.Response, among: tuple[int, ...] = (200,)) -> httpx.Response:
    assert answer.status_code in among, answer.text
    return answer


def plain(content: Any) -> Any:
    """`content` without watermarks, those in cursors among them."""
    if isinstance(content, list):
        return [plain(one) for one in content]
    if not isinstance(content, dict):
        return content
    kept = {name: value for name, value in content.items() if name not in ("watermark", "request_id")}
    cursor = kept.get("next_cursor")
    if isinstance(cursor, str):
        kept["next_cursor"] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return {name: plain(value) for name, value in kept.items()}
