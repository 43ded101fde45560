"""Every question over HTTP: what a client may ask, what it gets, and that numbers and lists agree while rows arrive."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from prelude_store.rollups import passes
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, running_analytics
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from prelude_store.connection import Connection

HOUR_US = 3_600_000_000
PANELS = (
    "/activities",
    "/trends",
    "/heatmap",
    "/latency",
    "/errors",
    "/deals",
    "/users",
    "/customers",
    "/emails",
    "/pages",
    "/origins",
)
LISTS = ("/recent-activities", "/sessions", "/export.csv", "/export.ndjson")
LONG = "c" * 300
DATA = (
    '{"value_usd": 50000.0, "deal_name": "Enterprise"}',
    '{"customer_id": 7, "method": "smtp"}',
    '{"customer_id": "eight", "method": "pigeon", "deal_name": "Enterprise"}',
    f'{{"customer_id": "{LONG}", "method": "gmail_api_v2"}}',
)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36 Edg/137.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "curl/8.5.0",
    None,
    "ä" * 200,
)
FORMULA = "=cmd|' /C calc'!A0"


def write(writer: Writer, count: int = 60) -> None:
    """Some of everything, in the last two days."""
    actions = ("create_deal", "view_customer", "send_email", "generate_email", "update_deal")
    statuses = ("success", "success", "error", "timeout", "pending")
    rows = [
        make_row(
            timestamp_us=now_us() - (number * 7 + 1) * HOUR_US // 9,
            action_name=actions[number % 5],
            entity_type=("deal", "customer", None)[number % 3],
            entity_id=("7", "8")[number % 2],
            user_email=(ADA, BOB, None)[number % 3],
            session_id=("one", "two", None)[number % 3],
            result_status=statuses[(number // 2) % 5],
            page_url=FORMULA if number == 3 else "/crm/deals",
            page_route=("/deals", "/deals/{id}", None)[number % 3],
            action_data=DATA[number // 10 % len(DATA)],
            tags=("vip",) if number % 4 == 0 else None,
            duration_ms=number,
            user_agent=AGENTS[number % 5],
            ip_address=("198.51.100.7", "2001:db8::1", None)[number // 3 % 3],
        )
        for number in range(count)
    ]
    writer.write(Batch(rows=rows))


@pytest.fixture
def client(database: str, writers: tuple[Writer, Writer], keeping: Connection) -> Iterator[httpx.Client]:
    write(writers[0])
    passes.carry_out(keeping)
    with running_analytics(database) as service, service.signed() as signed:
        yield signed


def ask(client: httpx.Client, path: str, **given: Any) -> Any:
    answer = client.get(path, params=given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(client: httpx.Client, limit: int = 7, **given: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    page = ask(client, "/recent-activities", limit=limit, **given)
    while True:
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        page = ask(client, "/recent-activities", limit=limit, cursor=page["next_cursor"], **given)


def test_each_number_has_a_list_of_just_that_many_rows_while_more_arrive(
    client: httpx.Client, writers: tuple[Writer, Writer]
) -> None:
    summary = ask(client, "/activities", days=3)
    trends = ask(client, "/trends", days=3, step="hour", stack="name")
    failures = ask(client, "/errors", days=3, step="day")
    users = ask(client, "/users", days=3)
    deals = ask(client, "/deals", days=3)
    write(writers[1])
    about = {"from": summary["range"]["from"], "to": summary["range"]["to"], "as_of": summary["watermark"]["cursor"]}
    assert summary["totals"]["count"] == 60 == len(listed(client, **about))
    for status in ("success", "error", "pending", "timeout"):
        assert summary["totals"][status] == len(listed(client, result_status=status, **about)) > 0
        for one in summary["by_action"]:
            some = {"action_type": one["action_type"], "action_name": one["action_name"], "result_status": status}
            assert one[status] == len(listed(client, **some, **about))
    days = [day["start"] for day in summary["by_day"]] + [summary["range"]["to"]]
    for day, end in zip(summary["by_day"], days[1:], strict=True):
        some = {"from": day["start"], "to": end, "as_of": about["as_of"]}
        assert day["count"] == len(listed(client, **some))
    starts = [*trends["starts"], trends["range"]["to"]]
    for series in trends["series"]:
        for place, count in enumerate(series["counts"]):
            if count:
                some = {"from": starts[place], "to": starts[place + 1], "as_of": about["as_of"]}
                assert count == len(listed(client, action_name=series["key"], **some))
    for one in failures["by_action"]:
        some = {"action_type": one["action_type"], "action_name": one["action_name"]}
        assert one["error"] == len(listed(client, result_status="error", **some, **about))
    for one in users["items"]:
        assert one["success"] == len(listed(client, user_email=one["user_email"], result_status="success", **about))
    created = listed(client, action_name="create_deal", result_status="success", **about)
    valued = listed(client, deal_value="known", result_status="success", **about)
    assert deals["totals"]["valued"] == len(valued) > 0
    assert len(listed(client, deal_value="unknown", **about)) == len(
        [row for row in listed(client, action_name="create_deal", **about) if "value_usd" not in row["action_data"]]
    )
    assert deals["totals"]["created"]["success"] == len(created)
    assert float(deals["totals"]["total_value_created"]) == sum(
        row["action_data"].get("value_usd", 0) for row in created
    )
    assert len(listed(client, days=3)) == 120


def test_each_key_of_an_answer_has_a_filter_that_lists_what_it_counts_while_more_arrive(
    client: httpx.Client, writers: tuple[Writer, Writer]
) -> None:
    zoned = {"days": 4, "tz": "Asia/Kolkata"}
    pages, customers, emails, failures, heatmap, trends, origins = (
        ask(client, path, **zoned, **more)
        for path, more in (
            ("/pages", {}), ("/customers", {}), ("/emails", {}), ("/errors", {}), ("/heatmap", {}), ("/trends", {"stack": "service"}), ("/origins", {})
        )
    )  # fmt: skip
    write(writers[1])
    shown = pages["range"]
    about = {**shown, "as_of": pages["watermark"]["cursor"]}
    wanted: list[tuple[dict[str, Any], dict[str, Any]]] = [
        *(({"page_route": one["page_route"]}, one) for one in pages["items"]),
        *(({"page_route": one["page_route"] or "(none)"}, one) for one in failures["by_page"]),
        *(({"customer_id": one["customer_id"], "action_group": "views"}, one) for one in customers["items"]),
        *(({"user_email": one["user_email"], "action_group": "emails"}, one) for one in emails["items"]),
        *(({"weekday": one["weekday"], "hour": one["hour"]}, one) for one in heatmap["cells"] if one["count"]),
        *(({"service_name": one["key"] or "(none)"}, one) for one in trends["series"]),
        *(({"ip_address": one["key"] or "(none)"}, one) for one in origins["addresses"]),
        *(({"browser": one["key"] or "(none)"}, one) for one in origins["browsers"]),
        ({"action_group": "emails"}, emails["totals"]),
    ]
    assert [one["key"] for one in origins["browsers"]] == ["", "Edge on Windows", "Firefox on Linux", "curl", "ä" * 60]
    assert emails["totals"]["count"] > sum(one["count"] for one in emails["items"])
    assert any(one["customer_id"].startswith("ccc") for one in customers["items"])
    for filters, one in wanted:
        rows = listed(client, limit=1000, **filters, **about)
        for status in ("success", "error", "pending", "timeout"):
            assert sum(row["result_status"] == status for row in rows) == one[status], filters
        assert len(rows) == one["count"] > 0
    for one in [*emails["items"], emails["totals"]]:
        for method, count in one["by_method"].items():
            some: dict[str, Any] = {"action_name": "send_email", "result_status": "success"}
            some |= {"user_email": one["user_email"]} if "user_email" in one else {}
            assert len(listed(client, email_method=method, **some, **about)) == count
    assert {name for one in emails["items"] for name, count in one["by_method"].items() if count} >= {"smtp", "other"}


def test_a_page_that_is_short_before_the_end_says_how_far_back_it_was_searched(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [row["event_id"] for row in listed(client, days=9, limit=1000, tag="vip")]
    assert ask(client, "/recent-activities", days=9, limit=1000, tag="vip")["searched_to"] is None
    for name in ("_LONG", "_LEAST"):
        monkeypatch.setattr(f"prelude_analytics.answers.page.{name}", 0.0)
    page = ask(client, "/recent-activities", days=9, limit=4, tag="vip")
    found, short = [row["event_id"] for row in page["items"]], []
    while page["next_cursor"]:
        short += [page] if page["searched_to"] else []
        page = ask(client, "/recent-activities", days=9, limit=4, tag="vip", cursor=page["next_cursor"])
        found += [row["event_id"] for row in page["items"]]
    assert found == expected
    assert all(len(page["items"]) < 4 for page in short)
    assert all(page["searched_to"] <= row["timestamp"] for page in short for row in page["items"])
    assert any(page["items"] for page in short)
    assert ask(client, "/recent-activities", days=9, limit=4)["searched_to"] is None


def test_an_id_is_found_whatever_the_kind_of_entity(client: httpx.Client, writers: tuple[Writer, Writer]) -> None:
    writers[1].write(Batch(rows=[make_row(entity_type=None, entity_id="7", timestamp_us=now_us() - HOUR_US * 20)]))
    expected = [row["event_id"] for row in listed(client, days=9, limit=1000) if row["entity_id"] == "7"]
    assert [row["event_id"] for row in listed(client, days=9, limit=3, entity_id="7")] == expected
    assert len(expected) == 31
    assert listed(client, days=9, entity_id="no such") == []


def test_an_export_has_the_rows_of_the_list_under_every_filter(client: httpx.Client) -> None:
    for given in (
        {},
        {"user_email": ADA},
        {"action_type": "crm", "action_name": "create_deal"},
        {"entity_type": "deal", "entity_id": "7"},
        {"result_status": "error"},
        {"service_name": "crm-service"},
        {"session_id": "one"},
        {"tag": "vip"},
        {"q": "enterPRISE"},
        {"page_route": "(none)"},
        {"customer_id": "eight"},
        {"action_group": "emails", "email_method": "smtp"},
        {"deal_value": "known"},
        {"ip_address": "2001:db8::1", "user_email": ADA},
        {"browser": "curl"},
        {"hour": str(datetime.now(UTC).hour)},
    ):
        expected = [row["event_id"] for row in listed(client, days=9, limit=1000, **given)]
        assert expected
        written = client.get("/export.csv", params={"days": "9", **given}).text
        assert [row["event_id"] for row in csv.DictReader(io.StringIO(written))] == expected
        written = client.get("/export.ndjson", params={"days": "9", **given}).text
        assert [json.loads(line)["event_id"] for line in written.splitlines()] == expected


def test_an_export_holds_what_its_watermark_says(client: httpx.Client, writers: tuple[Writer, Writer]) -> None:
    as_of = client.get("/export.csv").headers["prelude-as-of"]
    write(writers[1])
    assert len(client.get("/export.ndjson", params={"days": 9, "as_of": as_of}).text.splitlines()) == 60
    assert len(client.get("/export.ndjson", params={"days": 9}).text.splitlines()) == 120


def test_a_formula_in_a_csv_is_a_text(client: httpx.Client) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/export.csv", params={"days": 9}).text)))
    urls = {row["page_url"] for row in rows}
    assert urls == {"/crm/deals", f"'{FORMULA}"}


WRONG: tuple[dict[str, str], ...] = (
    {"colour": "red"},
    {"days": "0"},
    {"days": "many"},
    {"tz": "Mars/Olympus"},
    {"from": "yesterday"},
    {"to": "2026-01-01", "from": "2026-01-02"},
    {"user_email": ""},
)


def test_a_wrong_parameter_is_named_with_its_value_and_what_is_allowed(client: httpx.Client) -> None:
    for path in (*PANELS, *LISTS):
        for given in WRONG:
            answer = client.get(path, params=given)
            problem = answer.json()
            assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), path
            parameter = next(iter(given))
            assert (problem["parameter"], problem["value"]) == (parameter, given[parameter]), path
            assert problem["allowed"]


def test_what_one_route_does_not_take_is_named(client: httpx.Client) -> None:
    for path, given in (
        ("/recent-activities", {"limit": "1001"}),
        ("/recent-activities", {"cursor": "abc"}),
        ("/recent-activities", {"as_of": "abc"}),
        ("/export.csv", {"as_of": "abc"}),
        ("/export.csv", {"limit": "3"}),
        ("/users", {"cursor": "abc"}),
        ("/sessions", {"cursor": "abc"}),
        ("/sessions", {"action_name": "x"}),
        ("/trends", {"step": "year"}),
        ("/trends", {"step": "15min", "days": "90"}),
        ("/trends", {"stack": "colour"}),
        ("/heatmap", {"days": "401"}),
        ("/activities", {"result_status": "failed"}),
        ("/activities", {"action_type": "sales"}),
        ("/activities", {"q": "x"}),
        ("/activities", {"weekday": "8"}),
        ("/recent-activities", {"action_group": "all"}),
    ):
        answer = client.get(path, params=given)
        assert answer.status_code == 422, path
        assert answer.json()["parameter"] == next(iter(given)), path


def test_a_session_lists_what_it_counts(client: httpx.Client) -> None:
    found = ask(client, "/sessions", days=9, limit=3)
    sessions = list(found["items"])
    while found["next_cursor"]:
        found = ask(client, "/sessions", days=9, limit=3, cursor=found["next_cursor"])
        sessions += found["items"]
    assert len({(one["user_email"], one["session_id"]) for one in sessions}) == len(sessions) >= 2
    for one in sessions:
        page = ask(client, f"/sessions/{one['session_id']}", user_email=one["user_email"], limit=3)
        rows = list(page["items"])
        while page["next_cursor"]:
            page = ask(
                client,
                f"/sessions/{one['session_id']}",
                user_email=one["user_email"],
                limit=3,
                cursor=page["next_cursor"],
            )
            rows += page["items"]
        assert page["session"] == one
        assert len(rows) == one["activity_count"]
        asked = {"user_email": one["user_email"], "result_status": "error"}
        failed = ask(client, f"/sessions/{one['session_id']}", **asked)["items"]
        assert failed == [row for row in rows if row["result_status"] == "error"]
        assert len(failed) == one["error_count"]
        assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)


def test_what_users_did_over_time_adds_up_to_what_they_did(client: httpx.Client) -> None:
    assert ask(client, "/users", days=9)["starts"] is None
    for given in ({}, {"action_name": "create_deal"}):  # from rollups, and from rows
        found = ask(client, "/users", days=9, step="hour", **given)
        steps = ask(client, "/trends", days=9, step="hour", **given)
        assert found["starts"] == steps["starts"]
        assert found["items"]
        for one in found["items"]:
            mine = ask(client, "/trends", days=9, step="hour", user_email=one["user_email"], **given)
            assert one["over_time"] == [
                sum(counts) for counts in zip(*(each["counts"] for each in mine["series"]), strict=True)
            ]
            assert sum(one["over_time"]) == one["count"]


def test_sessions_with_errors_are_those_in_which_something_failed(
    client: httpx.Client, writers: tuple[Writer, Writer], keeping: Connection
) -> None:
    writers[1].write(Batch(rows=[make_row(session_id="faultless")]))
    passes.carry_out(keeping)
    everything = ask(client, "/sessions", days=9)["items"]
    found = ask(client, "/sessions", days=9, with_errors="true")["items"]
    assert found == [one for one in everything if one["error_count"]]
    assert 0 < len(found) < len(everything)


def test_a_session_of_somebody_whose_name_is_too_long_for_a_key_lists_its_rows(
    client: httpx.Client, writers: tuple[Writer, Writer], keeping: Connection
) -> None:
    long, same = (f"{'é' * 200}{end}@company.com" for end in "ab")
    writers[1].write(Batch(rows=[make_row(user_email=one, session_id="of-long") for one in (long, long, same)]))
    passes.carry_out(keeping)
    (found,) = ask(client, "/sessions", days=9, user_email=long)["items"]
    page = ask(client, "/sessions/of-long", user_email=found["user_email"])
    assert [row["user_email"] for row in page["items"]] == [long] * 2
    assert page["session"]["activity_count"] == 2


def test_a_session_of_nobody_is_not_found(client: httpx.Client) -> None:
    assert client.get("/sessions/nothing").status_code == 404


def test_a_session_that_several_users_have_needs_a_name(
    client: httpx.Client, writers: tuple[Writer, Writer], keeping: Connection
) -> None:
    writers[1].write(Batch(rows=[make_row(user_email=BOB, session_id="one")]))
    passes.carry_out(keeping)
    answer = client.get("/sessions/one")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "user_email")
    assert ask(client, "/sessions/one", user_email=BOB.upper())["session"]["activity_count"] == 1


def test_a_person_sees_own_rows_alone_everywhere(database: str, client: httpx.Client) -> None:
    with running_analytics(database) as service, service.signed("self", ADA) as own:
        mine = [row["event_id"] for row in listed(client, user_email=ADA, days=9)]
        assert [row["event_id"] for row in listed(own, days=9)] == mine
        assert ask(own, "/activities", days=9)["totals"]["count"] == len(mine)
        assert sum(cell["count"] for cell in ask(own, "/heatmap", days=9)["cells"]) == len(mine)
        assert [one["user_email"] for one in ask(own, "/users", days=9)["items"]] == [ADA]
        assert {one["user_email"] for one in ask(own, "/sessions", days=9)["items"]} == {ADA}
        assert {tuple(one["users"]) for one in ask(own, "/customers", days=9)["items"]} <= {(ADA,), ()}
        for path in (*PANELS, *LISTS):
            assert own.get(path, params={"user_email": BOB}).status_code == 403


def test_names_in_other_answers_are_for_those_who_may_rank(database: str, client: httpx.Client) -> None:
    assert any(one["users"] for one in ask(client, "/customers", days=9)["items"])
    with running_analytics(database, named_rankings=False) as service, service.signed() as unnamed:
        found = ask(unnamed, "/customers", days=9)["items"]
        assert {one["users"] for one in found} == {None}
        assert any(one["user_count"] for one in found)


def test_a_pending_activity_that_nobody_ended_reads_as_timeout_everywhere(
    database: str, client: httpx.Client, writers: tuple[Writer, Writer], keeping: Connection
) -> None:
    writers[1].write(
        Batch(rows=[make_row(timestamp_us=now_us() - 30 * HOUR_US, result_status="pending", service_name="old")])
    )
    passes.carry_out(keeping)
    assert ask(client, "/activities", service_name="old")["totals"]["timeout"] == 1
    assert [row["result_status"] for row in listed(client, service_name="old", result_status="timeout")] == ["timeout"]
    assert listed(client, service_name="old", result_status="pending") == []


def test_a_question_that_rows_must_answer_is_refused_where_they_are_too_many(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelude_analytics.sources.MOST_ROWS", 20)
    answer = client.get("/activities", params={"q": "deals", "days": 9})
    problem = answer.json()
    assert answer.status_code == 422
    assert "q is answered from rows" in problem["detail"]
    assert "user_email" in problem["narrow"]
    assert client.get("/activities", params={"q": "deals", "days": 1}).status_code in {200, 422}
    assert client.get("/recent-activities", params={"q": "deals", "days": 9}).status_code == 200


def test_answers_say_how_exact_they_are(client: httpx.Client) -> None:
    found = ask(client, "/latency", days=9)
    assert (found["approximate"], found["relative_error"]) == (True, 0.01)
    assert found["source"] == "rollups"
    assert ask(client, "/latency", days=9, q="deals")["source"] == "rows"
    assert datetime.fromisoformat(found["watermark"]["as_of"]) > datetime.now(UTC) - timedelta(minutes=5)


def test_every_parameter_and_field_that_is_not_plain_is_described(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    for path in (*PANELS, *LISTS):
        operation = described["paths"][f"/api/analytics{path}"]["get"]
        assert operation["description"]
        assert all(parameter.get("description") for parameter in operation["parameters"]), path
