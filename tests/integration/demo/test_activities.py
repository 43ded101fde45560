"""Every route of the demo CRM gives its activity, with exactly the data of the reference."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prelude_otel.catalogue import builtin
from prelude_otel.testing import CapturedActivities

NEW = "the id in the answer"
C123, D456 = "/crm/customers/123", "/crm/deals/456"
DEAL = {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123}
CHANGES = {"stage": "negotiation", "value_usd": "75000.0", "expected_close_date": "2025-12-31"}
QBR = {"meeting_title": "Quarterly Business Review"}
WANTED = {"customer_id": 123, "email_type": "followup"}
MAIL = {
    "to_email": "customer@company.com",
    "subject": "Follow-up on our discussion",
    "customer_id": 123,
    "deal_id": 456,
}
SUMMARY = {"customer_id": 123, "days_back": 30, "agent_used": "NextActionInsightAgent", "interactions_analyzed": 15}

# The reference's eighteen: section, name, request, body, entity, page, action data. Beyond its data: customer_id (rulings 2, 3).
# fmt: off
REFERENCE: list[tuple[str, str, str, Any, tuple[str, str | None], str, dict[str, Any]]] = [
    ("1.1", "view_customers_list", "GET /crm/customers", None, ("customer", None), "/crm/customers", {"customer_count": 50}),
    ("1.2", "view_customer", f"GET {C123}", None, ("customer", "123"), C123, {"customer_id": 123}),
    ("1.3", "search_customers", "GET /crm/customers/search?q=acme+corp", None, ("customer", None), "/crm/customers/search",
     {"search_query": "acme corp", "results_count": 5}),
    ("2.1", "view_deals_list", "GET /crm/deals", None, ("deal", None), "/crm/deals", {"deal_count": 25}),
    ("2.2", "view_deal", f"GET {D456}", None, ("deal", "456"), D456, {"customer_id": 123}),
    ("2.3", "create_deal", "POST /crm/deals", DEAL, ("deal", "789"), "/crm/deals", DEAL | {"customer_id": 123}),
    ("2.4", "update_deal", f"PATCH {D456}", CHANGES, ("deal", "456"), D456, {"updated_fields": CHANGES | {"value_usd": 75000.0}}),
    ("2.5", "delete_deal", f"DELETE {D456}", None, ("deal", "456"), D456, {}),
    ("2.6", "create_deal_note", f"POST {D456}/activities/notes", {"text": "x"}, ("note", NEW), f"{D456}/activities", {"deal_id": 456}),
    ("2.7", "delete_deal_note", f"DELETE {D456}/activities/notes/8", None, ("note", "8"), f"{D456}/activities", {"deal_id": 456}),
    ("2.8", "create_deal_call_summary", f"POST {D456}/activities/calls", {"call_summary": "x"}, ("interaction", NEW),
     f"{D456}/activities", {"deal_id": 456, "type": "call"}),
    ("2.9", "delete_deal_call_summary", f"DELETE {D456}/activities/calls/24", None, ("interaction", "24"),
     f"{D456}/activities", {"deal_id": 456, "type": "call"}),
    ("2.10", "create_deal_meeting", f"POST {D456}/activities/meetings", QBR | {"starts_at": "2026-03-01T10:00:00Z"}, ("interaction", NEW),
     f"{D456}/activities", {"deal_id": 456, "type": "meeting"} | QBR),
    ("2.11", "view_deal_activities", f"GET {D456}/activities", None, ("deal", "456"), f"{D456}/activities", {"activities_count": 15}),
    ("3.1", "generate_email", "POST /crm/email/generate", WANTED, ("email", None), "/crm/email/generate", WANTED),
    ("3.2", "send_email", "POST /crm/email/send", MAIL | {"body": "x"}, ("email", None), "/crm/email/send", MAIL | {"method": "gmail_api_v2"}),
    ("4.1", "generate_interaction_summary", f"POST {C123}/summary?days_back=30", None, ("summary", None), f"{C123}/summary", SUMMARY),
    ("4.2", "view_interaction_summary", f"GET {C123}/summary", None, ("summary", None), f"{C123}/summary",
     {"customer_id": 123, "from_cache": True}),
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "request_", "body", "entity", "page", "data"),
    [each[1:] for each in REFERENCE],
    ids=[f"{section} {name}" for section, name, *_ in REFERENCE],
)
def test_the_activity_is_that_of_the_reference(
    activities: CapturedActivities,
    crm: httpx.Client,
    name: str,
    request_: str,
    body: Any,
    entity: tuple[str, str | None],
    page: str,
    data: dict[str, Any],
) -> None:
    _before(name, crm)
    activities.clear()
    method, _, path = request_.partition(" ")
    answer = crm.request(method, path, json=body)
    assert answer.is_success
    activity = activities.only()
    entity_type, entity_id = entity
    assert activity.name == f"crm.{name}"
    assert activity.action_data == data
    assert (activity.entity_type, activity.entity_id) == (
        entity_type,
        str(answer.json()["id"]) if entity_id == NEW else entity_id,
    )
    assert (activity.page_url, activity.page_route) == (page, builtin().resolve(activity.name).page)
    assert (activity.result_status, activity.result_data, activity.tags) == ("success", {}, ())
    assert (activity.user_email, activity.session_id) == ("user@company.com", "session-abc")
    assert (activity.user_agent, activity.ip_address) == ("tests/1.0", "127.0.0.1")
    assert activity.duration_ms is not None


def _before(name: str, crm: httpx.Client) -> None:
    """What must have happened before this activity can."""
    if name == "view_interaction_summary":
        crm.post(f"{C123}/summary")


def test_the_reference_has_eighteen_activities_and_the_catalogue_the_same() -> None:
    assert {f"crm.{each[1]}" for each in REFERENCE} == {kind.key for kind in builtin()}
    assert len(REFERENCE) == 18


def test_an_activity_of_our_own_stands_beside_them(activities: CapturedActivities, crm: httpx.Client) -> None:
    meeting = crm.post(f"{D456}/activities/meetings", json=QBR | {"starts_at": "2026-03-01T10:00:00Z"}).json()
    crm.delete(f"{D456}/activities/meetings/{meeting['id']}")
    activity = activities.only("crm.delete_deal_meeting")
    assert (activity.entity_type, activity.entity_id) == ("interaction", str(meeting["id"]))
    assert activity.action_data == {"deal_id": 456, "type": "meeting"}


def test_only_the_fields_that_the_client_sent_are_updated_fields(
    activities: CapturedActivities, crm: httpx.Client
) -> None:
    crm.patch(D456, json={"stage": "won"})
    assert activities.only().action_data == {"updated_fields": {"stage": "won"}}


# Request, body, name, status, status of the answer, whether the handler ran, entity id.
# fmt: off
FAILURES: list[tuple[str, Any, str, str, int, bool, str | None]] = [
    ("GET /crm/deals/1", None, "view_deal", "error", 404, True, "1"),
    ("DELETE /crm/deals/1", None, "delete_deal", "error", 404, True, "1"),
    ("POST /crm/deals", DEAL | {"value_usd": "a lot"}, "create_deal", "error", 422, False, None),
    ("POST /crm/email/send", MAIL | {"body": "x", "to_email": "a@bounce.example"}, "send_email", "error", 502, True, None),
    ("POST /crm/email/send", MAIL | {"body": "x", "to_email": "a@slow.example"}, "send_email", "timeout", 504, True, None),
]
# fmt: on


@pytest.mark.parametrize(
    ("request_", "body", "name", "status", "http_status", "ran", "entity_id"),
    FAILURES,
    ids=[f"{each[2]} {each[4]}" for each in FAILURES],
)
def test_what_goes_wrong_is_an_activity_too(
    activities: CapturedActivities,
    crm: httpx.Client,
    request_: str,
    body: Any,
    name: str,
    status: str,
    http_status: int,
    ran: bool,
    entity_id: str | None,
) -> None:
    method, _, path = request_.partition(" ")
    assert crm.request(method, path, json=body).status_code == http_status
    activity = activities.only()
    assert (activity.name, activity.result_status, activity.http_status) == (f"crm.{name}", status, http_status)
    assert (activity.handler_ran, activity.entity_id, activity.user_email) == (ran, entity_id, "user@company.com")
    assert activity.error_type


def test_an_attempt_without_a_user_is_an_activity_of_nobody(activities: CapturedActivities, crm: httpx.Client) -> None:
    del crm.headers["X-User-Email"]
    assert crm.get("/crm/customers").status_code == 401
    activity = activities.only("crm.view_customers_list")
    assert (activity.result_status, activity.http_status, activity.handler_ran) == ("error", 401, False)
    assert activity.user_email is None
    assert activity.session_id == "session-abc"


def test_the_start_page_is_no_activity(activities: CapturedActivities, crm: httpx.Client) -> None:
    crm.get("/")
    assert len(activities) == 0
