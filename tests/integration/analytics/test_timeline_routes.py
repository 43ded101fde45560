"""Funnels, cohorts and paths over the API: figures open lists of as many people, and what is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from prelude_store.connection import connect
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row

NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE = 60_000_000
DAY = 86_400_000_000
RANGE = {"from": "2026-03-01", "to": "2026-03-08"}
CY = "cy@company.com"

# Ada goes all the way, Bob stops after the search, Cy comes back the day after.
STORY = [
    (ADA, 0, "view_customer", "crm", {}),
    (ADA, 1, "create_deal", "crm", {"value": "big"}),
    (ADA, 3, "send_email", "crm", {}),
    (BOB, 0, "view_customer", "crm", {}),
    (BOB, 2, "create_deal", "mobile", {"value": "small"}),
    (BOB, 90, "view_customer", "crm", {}),
    (CY, 5, "view_customer", "crm", {}),
    (CY, 24 * 60, "view_customer", "crm", {}),
]
STEPS = [{"actions": ["crm.view_customer"]}, {"actions": ["crm.create_deal"]}, {"actions": ["crm.send_email"]}]


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    url = postgres.create_database()
    writer = Writer(as_role(url, "writer"))
    rows = [
        make_row(
            user_email=user,
            timestamp_us=NOON + minute * MINUTE,
            action_name=name,
            service_name=service,
            action_data=json.dumps(data),
        )
        for user, minute, name, service, data in STORY
    ]
    writer.write(Batch(rows=rows))
    writer.close()
    with connect(as_role(url, "keeper"), "test") as keeper:
        while tend(keeper):
            pass
    with running_analytics(url) as running:
        yield running
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def client(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed("all") as signed:
        yield signed


def funnel(client: httpx.Client, params: dict[str, Any] | None = None, **body: Any) -> Any:
    answer = client.post("/funnel", params=RANGE | (params or {}), json={"steps": STEPS} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_funnel_counts_people_step_by_step(client: httpx.Client) -> None:
    answer = funnel(client)
    assert [(step["users"], step["dropped"], step["median_seconds"]) for step in answer["steps"]] == [
        (3, 1, None),
        (2, 1, 90.0),
        (1, 0, 120.0),
    ]
    assert answer["range"] == {"from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z", "tz": "UTC"}
    assert answer["watermark"]["as_of"]


@pytest.mark.parametrize("outcome", ["reached", "dropped"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_figure_opens_a_list_of_as_many_people(client: httpx.Client, step: int, outcome: str) -> None:
    figures = funnel(client)["steps"][step - 1]
    listed: list[str] = []
    cursor = None
    while True:
        people = funnel(client, people={"step": step, "outcome": outcome, "limit": 1, "cursor": cursor})["people"]
        listed += [one["user_email"] for one in people["items"]]
        cursor = people["next_cursor"]
        if cursor is None:
            break
    count = figures["users" if outcome == "reached" else "dropped"]
    assert len(listed) == len(set(listed)) == count == people["total"]
    assert listed == sorted(listed)


@pytest.mark.parametrize(
    ("breakdown", "expected"),
    [
        ("result_status", {"success": [3, 2, 1]}),
        ("service_name", {"crm": [3, 2, 1]}),
        ("user.role", {None: [3, 2, 1]}),
        ("entity_type", {"deal": [3, 2, 1]}),
        ("action_data.nothing", {None: [3, 2, 1]}),
    ],
)
def test_groups_of_a_breakdown_add_up(
    client: httpx.Client, breakdown: str, expected: dict[str | None, list[int]]
) -> None:
    groups = funnel(client, breakdown=breakdown)["breakdown"]
    assert {group["value"]: [step["users"] for step in group["steps"]] for group in groups} == expected


def test_a_property_of_the_first_step_parts_the_people(client: httpx.Client) -> None:
    groups = funnel(client, steps=STEPS[1:], breakdown="action_data.value")["breakdown"]
    assert {group["value"]: [step["users"] for step in group["steps"]] for group in groups} == {
        "big": [1, 1],
        "small": [1, 0],
    }


def test_a_group_of_a_breakdown_opens_a_list_of_as_many_people(client: httpx.Client) -> None:
    asked: dict[str, Any] = {"breakdown": "action_data.value", "steps": STEPS[1:]}

    def listed(**group: Any) -> Any:
        return funnel(client, people={"step": 1, "group": group}, **asked)["people"]

    big = listed(value="big")
    assert [(one["user_email"], one["steps"]) for one in big["items"]] == [(ADA, 2)]
    assert [big["items"][0][name] for name in ("first_at", "last_at")] == [
        "2026-03-02T12:01:00Z",
        "2026-03-02T12:03:00Z",
    ]
    assert (listed(value="small")["total"], listed(value=None)["total"], listed(rest=True)["total"]) == (1, 0, 0)
    assert funnel(client, people={"step": 1, "group": {"rest": True}}, top=1, **asked)["people"]["total"] == 1


def test_filters_say_which_rows_a_funnel_sees(client: httpx.Client) -> None:
    assert [step["users"] for step in funnel(client, {"service_name": "crm"})["steps"]] == [3, 1, 1]
    assert [step["users"] for step in funnel(client, {"user_email": BOB})["steps"]] == [1, 1, 0]
    assert [step["users"] for step in funnel(client, {"q": "create"})["steps"]] == [0, 0, 0]


def test_an_unknown_step_is_reached_by_nobody(client: httpx.Client) -> None:
    assert [step["users"] for step in funnel(client, steps=[STEPS[0], {"actions": ["crm.nothing"]}])["steps"]] == [3, 0]


def test_a_cell_of_cohorts_opens_a_list_of_as_many_people(client: httpx.Client) -> None:
    for params in ({"unit": "day"}, {"unit": "day", "periods": "rolling"}, {"return_action": "crm.create_deal"}):
        table = client.get("/cohorts", params=RANGE | params).json()["cohorts"]
        for cohort in table:
            asked = RANGE | params | {"people_of": cohort["period"]}
            for later, count in [(None, cohort["users"]), *enumerate(cohort["returned"][:3])]:
                found: list[str] = []
                cursor = None
                while True:
                    page = {"people_in": later, "limit": 1, "cursor": cursor}
                    given = {name: value for name, value in page.items() if value is not None}
                    people = client.get("/cohorts", params=asked | given).json()["people"]
                    found += [one["user_email"] for one in people["items"]]
                    cursor = people["next_cursor"]
                    if cursor is None:
                        break
                assert len(set(found)) == len(found) == count == people["total"]
    refused = client.get("/cohorts", params=RANGE | {"people_of": "2026-03-05"})
    assert (refused.status_code, refused.json()["parameter"]) == (422, "people_of")


def test_cohorts_say_who_came_back(client: httpx.Client) -> None:
    answer = client.get("/cohorts", params=RANGE | {"unit": "day"}).json()
    cohort = answer["cohorts"][1]
    assert (cohort["period"], cohort["users"], cohort["returned"]) == ("2026-03-02", 3, [3, 1, 0, 0, 0, 0])
    rolling = client.get("/cohorts", params=RANGE | {"unit": "day", "periods": "rolling"}).json()["cohorts"][1]
    assert rolling["returned"] == [3, 0, 0, 0, 0, 0]
    deals = client.get("/cohorts", params=RANGE | {"unit": "day", "return_action": "crm.create_deal"}).json()
    assert deals["cohorts"][1]["returned"] == [2, 0, 0, 0, 0, 0]
    ever = client.get("/cohorts", params={"from": "2026-03-03", "to": "2026-03-08", "unit": "day"}).json()
    assert [one["users"] for one in ever["cohorts"]] == [0, 0, 0, 0, 0]
    within = client.get("/cohorts", params={"from": "2026-03-03", "to": "2026-03-08", "unit": "day", "first": "range"})
    assert [one["users"] for one in within.json()["cohorts"]] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("direction", ["after", "before"])
@pytest.mark.parametrize("more", [{}, {"start": "crm.create_deal"}, {"service_name": "crm"}])
def test_a_figure_of_paths_opens_a_list_of_as_many_visits(
    client: httpx.Client, direction: str, more: dict[str, str]
) -> None:
    asked: dict[str, Any] = RANGE | {"depth": 2, "top": 1, "direction": direction} | more
    answer = client.get("/paths", params=asked).json()
    figures = [
        ({"list_step": step, "list_action": node["action"] or "(others)"} | then, node[count])
        for step, nodes in enumerate(answer["steps"])
        for node in nodes
        for then, count in (({}, "count"), ({"list_next": "(end)"}, "ended"))
    ] + [
        (
            {
                "list_step": step,
                "list_action": link["source"] or "(others)",
                "list_next": link["target"] or "(others)",
            },
            link["count"],
        )
        for step, links in enumerate(answer["links"])
        for link in links
    ]
    assert len(figures) > 4
    for figure, count in figures:
        found: list[tuple[str, str]] = []
        page: dict[str, Any] = {"limit": 2}
        while True:
            listed = client.get("/paths", params=asked | figure | page).json()["listed"]
            found += [(one["user_email"], one["at"]) for one in listed["items"]]
            for one in listed["items"]:
                if one["next_at"]:
                    assert one["next_at"] > one["at"] if direction == "after" else one["next_at"] < one["at"]
            if listed["next_cursor"] is None:
                break
            page["cursor"] = listed["next_cursor"]
        assert len(set(found)) == len(found) == count == listed["total"]


def test_paths_say_what_follows_what(client: httpx.Client) -> None:
    answer = client.get("/paths", params=RANGE | {"depth": 2}).json()
    assert (answer["visits"], answer["paths"]) == (5, 5)
    assert answer["steps"][0] == [{"action": "crm.view_customer", "count": 5, "ended": 3}]
    assert answer["steps"][1] == [{"action": "crm.create_deal", "count": 2, "ended": 1}]
    assert answer["links"][1] == [{"source": "crm.create_deal", "target": "crm.send_email", "count": 1}]
    started = client.get("/paths", params=RANGE | {"start": "crm.create_deal"}).json()
    assert (started["visits"], started["paths"]) == (5, 2)


def test_self_sees_its_own_rows_alone(service: Analytics) -> None:
    with service.signed("self", BOB) as client:
        assert [step["users"] for step in funnel(client)["steps"]] == [1, 1, 0]
        people = funnel(client, people={"step": 1})["people"]
        assert [one["user_email"] for one in people["items"]] == [BOB]
        assert sum(one["users"] for one in client.get("/cohorts", params=RANGE).json()["cohorts"]) == 1
        assert client.get("/paths", params=RANGE).json()["visits"] == 2
        assert client.post("/funnel", params=RANGE | {"user_email": ADA}, json={"steps": STEPS}).status_code == 403


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"steps": STEPS[:1]}, "steps"),
        ({"steps": [*STEPS[:1], {"actions": ["create_deal"]}]}, "steps.1.actions.0"),
        ({"steps": [*STEPS[:1], {"actions": ["nonsense.create_deal"]}]}, "steps.1.actions.0"),
        ({"steps": [*STEPS[:1], {"actions": []}]}, "steps.1.actions"),
        ({"steps": STEPS, "order": "sideways"}, "order"),
        ({"steps": STEPS, "window": 0}, "window"),
        ({"steps": STEPS, "breakdown": "shoe_size"}, "breakdown"),
        ({"steps": STEPS, "exclusions": STEPS[1:2]}, "exclusions.0.actions"),
        ({"steps": [STEPS[0], STEPS[0]], "order": "any"}, "steps.1.actions"),
        ({"steps": STEPS, "people": {"step": 4}}, "people.step"),
        ({"steps": STEPS, "people": {"step": 1, "group": {"value": "x"}}}, "people.group"),
        ({"steps": STEPS, "people": {"step": 1, "cursor": "!"}}, "people.cursor"),
        ({"steps": STEPS, "wat": 1}, "wat"),
    ],
)
def test_a_wrong_funnel_is_refused_by_the_name_of_what_is_wrong(
    client: httpx.Client, body: dict[str, Any], parameter: str
) -> None:
    answer = client.post("/funnel", params=RANGE, json=body)
    assert answer.status_code == 422
    assert (answer.json()["parameter"], bool(answer.json()["allowed"])) == (parameter, True)


@pytest.mark.parametrize(
    ("route", "params", "parameter"),
    [
        ("/cohorts", {"unit": "hour"}, "unit"),
        ("/cohorts", {"unit": "month", "periods": "rolling"}, "unit"),
        ("/cohorts", {"return_action": "deal"}, "return_action"),
        ("/cohorts", {"wat": "1"}, "wat"),
        ("/cohorts", {"days": "401", "from": None, "to": None}, "days"),
        ("/paths", {"depth": "6"}, "depth"),
        ("/paths", {"gap": "65535"}, "gap"),
        ("/paths", {"start": ".x"}, "start"),
        ("/paths", {"list_step": "1"}, "list_step"),
        ("/paths", {"list_step": "4", "list_action": "crm.view_customer"}, "list_step"),
        ("/paths", {"list_step": "0", "list_action": "crm.view_customer", "cursor": "!"}, "cursor"),
        ("/paths", {"tz": "Mars/Olympus"}, "tz"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(
    client: httpx.Client, route: str, params: dict[str, str | None], parameter: str
) -> None:
    answer = client.get(route, params={name: value for name, value in (RANGE | params).items() if value is not None})
    assert answer.status_code == 422
    assert (answer.json()["parameter"], bool(answer.json()["allowed"])) == (parameter, True)
