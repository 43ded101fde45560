"""The main job: HTTP requests to a CRM service become rows, through the real Collector, each column as the reference has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from prelude_otel.catalogue import builtin
from tests.integration.demo.test_activities import C123, NEW, REFERENCE
from tests.support.chain import running_crm, wait_for_rows
from tests.support.collector import BUILD_TIMEOUT, RunningCollector

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT)]

HEADERS = {"X-User-Email": "User@Company.com", "X-Session-ID": "session-abc", "User-Agent": "tests/1.0"}
QUERIES = sorted((Path(__file__).parents[2] / "integration/store/reference_queries").glob("*.sql"))

# The reference's order, but for what would change another one's answer: what counts goes first, the deal is deleted last.
PLACE = {"view_deal_activities": 0, "generate_interaction_summary": 0, "delete_deal": 2}
ORDER = sorted(REFERENCE, key=lambda each: PLACE.get(each[1], 1))


def visit(crm_url: str) -> list[Any]:
    """Send the eighteen requests one after the other; gives the bodies of the answers."""
    answers = []
    with httpx.Client(base_url=crm_url, headers=HEADERS, trust_env=False, timeout=30) as client:
        for _, name, request, body, *_ in ORDER:
            method, _, path = request.partition(" ")
            answer = client.request(method, path, json=body)
            assert answer.is_success, (name, answer.text)
            answers.append(answer.json() if answer.content else None)
    return answers


@pytest.mark.parametrize("events", ["log", "span"])
def test_eighteen_requests_are_eighteen_rows(
    chain: RunningCollector, database: str, tmp_path: Path, events: str
) -> None:
    began = datetime.now(UTC)
    with running_crm(chain.http, tmp_path / "crm.log", {"PRELUDE_EVENTS": events}) as crm_url:
        answers = visit(crm_url)
        rows = wait_for_rows(database, len(ORDER))
    ended = datetime.now(UTC)
    assert [row["action_name"] for row in rows] == [each[1] for each in ORDER]
    for row, (_, name, request, _, (entity, entity_id), page, data), answer in zip(rows, ORDER, answers, strict=True):
        expected_id = str(answer["id"]) if entity_id == NEW else entity_id
        columns = {
            "user_email": "user@company.com",
            "session_id": "session-abc",
            "action_type": "crm",
            "action_name": name,
            "action_category": builtin().resolve(f"crm.{name}").category,
            "entity_type": entity,
            "entity_id": expected_id,
            "page_url": page,
            "page_route": builtin().resolve(f"crm.{name}").page,
            "service_name": "crm-service",
            "user_agent": "tests/1.0",
            "ip_address": "127.0.0.1",
            "action_data": data or None,
            "result_status": "success",
            "result_data": None,
            "tags": None,
            "completes_event_id": None,
        }
        assert {column: row[column] for column in columns} == columns, request
        assert began - timedelta(seconds=1) <= row["timestamp"] <= row["created_at"] <= ended + timedelta(seconds=1)
        assert isinstance(row["event_id"], UUID)
        assert row["event_id"].version == 7
        assert 0 <= row["duration_ms"] < 60_000
        assert len(row["trace_id"]) == 32
        assert len(row["span_id"]) == 16
        assert len(row["content_hash"]) == 16
    assert len({row["trace_id"] for row in rows}) == len(rows)


NOT_FOUND = {"error_type": "prelude_demo_crm.errors.NotFoundError", "http_status": 404}


def test_what_goes_wrong_lands_with_its_result(chain: RunningCollector, database: str, tmp_path: Path) -> None:
    with running_crm(chain.http, tmp_path / "crm.log") as crm_url:
        with httpx.Client(base_url=crm_url, headers=HEADERS, trust_env=False) as client:
            client.get("/crm/deals/1")
            client.post("/crm/deals", json={"deal_name": "x", "value_usd": "a lot", "client_id": 123})
            mail = {"subject": "s", "customer_id": 123, "body": "x", "to_email": "a@slow.example"}
            client.post("/crm/email/send", json=mail)
            del client.headers["X-User-Email"]
            client.get("/crm/customers/7")
        missing, unreadable, slow, refused = wait_for_rows(database, 4)
    assert (missing["result_status"], missing["result_data"]) == ("error", NOT_FOUND)
    assert unreadable["result_status"] == "error"
    assert unreadable["result_data"] == {"error_type": "422", "http_status": 422, "handler_ran": False}
    assert (unreadable["duration_ms"], unreadable["user_email"]) == (None, "user@company.com")
    assert (slow["result_status"], slow["result_data"]["http_status"]) == ("timeout", 504)
    assert slow["duration_ms"] >= 100
    assert (refused["user_email"], refused["entity_id"]) == (None, "7")
    assert refused["result_data"] == {"error_type": "401", "http_status": 401, "handler_ran": False}


def test_an_unsampled_trace_has_its_duration_all_the_same(
    chain: RunningCollector, database: str, tmp_path: Path
) -> None:
    with running_crm(chain.http, tmp_path / "crm.log", {"OTEL_TRACES_SAMPLER": "always_off"}) as crm_url:
        with httpx.Client(base_url=crm_url, headers=HEADERS, trust_env=False) as client:
            client.get(C123)
        (row,) = wait_for_rows(database, 1)
    assert row["duration_ms"] is not None
    assert row["trace_id"] is not None


def test_the_six_queries_of_the_reference_answer_from_rows_that_came_through_the_chain(
    chain: RunningCollector, database: str, tmp_path: Path
) -> None:
    with running_crm(chain.http, tmp_path / "crm.log") as crm_url:
        visit(crm_url)
        wait_for_rows(database, len(ORDER))
    with psycopg.connect(database) as connection:
        answers = [connection.execute(path.read_bytes()).fetchall() for path in QUERIES]
    of_user, by_type, active, engagement, emails, pipeline = answers
    assert [row[0] for row in of_user] == [each[1] for each in reversed(ORDER)]
    assert {row[0]: row[1:] for row in by_type} == {each[1]: (1, 1, 0) for each in ORDER}
    assert [(row[0], row[1]) for row in active] == [("user@company.com", 18)]
    assert engagement == [("123", 2, ["user@company.com"])]
    assert emails == [("user@company.com", 1, 1, 1, 0, 0)]
    assert [tuple(row[1:]) for row in pipeline] == [(1, 1, 1, 50000)]
