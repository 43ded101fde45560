"""Each route of the demo CRM does what its name says."""

from __future__ import annotations

import httpx
import pytest

DEAL = {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123}
EMAIL = {"customer_id": 123, "deal_id": 456, "to_email": "customer@company.com", "subject": "Hello", "body": "Dear all"}
MEETING = {"meeting_title": "Quarterly Business Review", "starts_at": "2026-03-01T10:00:00Z"}


def test_the_start_page_signs_a_browser_in(crm_url: str) -> None:
    with httpx.Client(base_url=crm_url, trust_env=False) as browser:
        assert "/crm/customers" in browser.get("/").text
        assert browser.get("/crm/customers").status_code == 200


@pytest.mark.parametrize("path", ["/crm/customers", "/crm/deals/456", "/crm/deals/456/activities"])
def test_nobody_gets_in_without_a_user(crm_url: str, path: str) -> None:
    assert httpx.get(crm_url + path, trust_env=False).status_code == 401


def test_the_list_has_all_customers(crm: httpx.Client) -> None:
    assert len(crm.get("/crm/customers").json()) == 50


def test_a_search_finds_customers_in_any_case(crm: httpx.Client) -> None:
    found = crm.get("/crm/customers/search", params={"q": "acme corp"}).json()
    assert found["results_count"] == len(found["customers"]) == 5
    assert {customer["company"] for customer in found["customers"]} == {"Acme Corp"}


def test_a_search_for_nothing_is_refused(crm: httpx.Client) -> None:
    assert crm.get("/crm/customers/search").status_code == 422


def test_a_customer_comes_with_their_deals(crm: httpx.Client) -> None:
    customer = crm.get("/crm/customers/123").json()
    assert customer["company"] == "Acme Corp"
    assert [deal["id"] for deal in customer["deals"]] == [457, 456]


def test_a_new_deal_belongs_to_who_made_it(crm: httpx.Client) -> None:
    answer = crm.post("/crm/deals", json=DEAL)
    assert answer.status_code == 201
    assert DEAL.items() <= answer.json().items()
    assert (answer.json()["id"], answer.json()["owner"]) == (789, "user@company.com")
    assert len(crm.get("/crm/deals").json()) == 26


@pytest.mark.parametrize(
    "wrong", [{"value_usd": "fifty thousand"}, {"value_usd": -1}, {"deal_name": ""}, {"stage": "maybe"}]
)
def test_a_deal_that_makes_no_sense_is_refused(crm: httpx.Client, wrong: dict[str, object]) -> None:
    assert crm.post("/crm/deals", json=DEAL | wrong).status_code == 422


def test_a_deal_needs_a_customer_whom_we_know(crm: httpx.Client) -> None:
    assert crm.post("/crm/deals", json=DEAL | {"client_id": 1}).status_code == 404


def test_an_update_changes_what_was_sent_and_nothing_else(crm: httpx.Client) -> None:
    before = crm.get("/crm/deals/456").json()
    changes = {"stage": "won", "value_usd": 75000.0, "expected_close_date": None}
    after = crm.patch("/crm/deals/456", json=changes).json()
    assert after == before | changes == crm.get("/crm/deals/456").json()


def test_an_update_can_not_take_a_name_away(crm: httpx.Client) -> None:
    assert crm.patch("/crm/deals/456", json={"deal_name": None}).status_code == 422


def test_a_deleted_deal_is_gone_with_all_around_it_and_its_id_never_comes_back(crm: httpx.Client) -> None:
    assert crm.delete("/crm/deals/468").status_code == 204
    assert crm.get("/crm/deals/468").status_code == 404
    assert crm.get("/crm/deals/468/activities").status_code == 404
    assert crm.delete("/crm/deals/468").status_code == 404
    assert crm.post("/crm/deals", json=DEAL).json()["id"] == 789


def test_a_note_comes_and_goes(crm: httpx.Client) -> None:
    note = crm.post("/crm/deals/456/activities/notes", json={"text": "Call them in May"}).json()
    assert crm.get("/crm/deals/456/activities").json()["notes"][0] == note
    assert crm.delete(f"/crm/deals/457/activities/notes/{note['id']}").status_code == 404
    assert crm.delete(f"/crm/deals/456/activities/notes/{note['id']}").status_code == 204
    assert crm.get("/crm/deals/456/activities").json()["activities_count"] == 15


@pytest.mark.parametrize(("kind", "body"), [("calls", {"call_summary": "They agree"}), ("meetings", MEETING)])
def test_calls_and_meetings_come_and_go(crm: httpx.Client, kind: str, body: dict[str, str]) -> None:
    other = {"calls": "meetings", "meetings": "calls"}[kind]
    interaction = crm.post(f"/crm/deals/456/activities/{kind}", json=body).json()
    assert crm.get("/crm/deals/456/activities").json()["interactions"][0] == interaction
    assert crm.delete(f"/crm/deals/456/activities/{other}/{interaction['id']}").status_code == 404
    assert crm.delete(f"/crm/deals/456/activities/{kind}/{interaction['id']}").status_code == 204
    assert crm.get("/crm/deals/456/activities").json()["activities_count"] == 15


@pytest.mark.parametrize(
    ("kind", "body"), [("notes", {"text": "x"}), ("calls", {"call_summary": "x"}), ("meetings", MEETING)]
)
def test_nothing_can_be_added_to_a_deal_that_is_not_there(crm: httpx.Client, kind: str, body: dict[str, str]) -> None:
    assert crm.post(f"/crm/deals/1/activities/{kind}", json=body).status_code == 404


def test_the_agent_writes_about_the_customer_and_the_deal(crm: httpx.Client) -> None:
    draft = crm.post("/crm/email/generate", json={"customer_id": 123, "email_type": "followup", "deal_id": 456}).json()
    assert "Dear Elena Marsh" in draft["body"]
    assert "Enterprise Contract" in draft["body"]


@pytest.mark.parametrize("method", ["gmail_api_v2", "outlook_api_v2", "smtp"])
def test_a_sent_email_is_in_the_outbox_and_marks_the_customer(crm: httpx.Client, method: str) -> None:
    before = crm.get("/crm/customers/123").json()["last_contacted_at"]
    answer = crm.post("/crm/email/send", json=EMAIL | {"method": method})
    assert (answer.status_code, answer.json()["status"], answer.json()["method"]) == (202, "sent", method)
    assert crm.get("/crm/customers/123").json()["last_contacted_at"] > before


def test_a_provider_that_refuses_is_a_bad_gateway(crm: httpx.Client) -> None:
    answer = crm.post("/crm/email/send", json=EMAIL | {"to_email": "someone@bounce.example"})
    assert (answer.status_code, answer.json()["detail"]) == (
        502,
        "gmail_api_v2 refuses someone@bounce.example: no such mailbox",
    )


def test_a_provider_that_does_not_answer_is_a_gateway_timeout(crm: httpx.Client) -> None:
    answer = crm.post("/crm/email/send", json=EMAIL | {"to_email": "someone@slow.example"})
    assert (answer.status_code, answer.json()["detail"]) == (504, "gmail_api_v2 has not answered for 0.1 s")


@pytest.mark.parametrize("wrong", [{"method": "pigeon"}, {"to_email": "nobody"}, {"subject": ""}])
def test_an_email_that_makes_no_sense_is_refused(crm: httpx.Client, wrong: dict[str, str]) -> None:
    assert crm.post("/crm/email/send", json=EMAIL | wrong).status_code == 422


def test_a_summary_is_made_once_and_then_read_from_the_cache(crm: httpx.Client) -> None:
    assert crm.get("/crm/customers/123/summary").status_code == 404
    made = crm.post("/crm/customers/123/summary", params={"days_back": 30})
    assert made.status_code == 201
    assert made.json()["interactions_analyzed"] == 15
    assert made.json()["from_cache"] is False
    assert crm.get("/crm/customers/123/summary").json() == made.json() | {"from_cache": True}


def test_a_summary_reads_no_further_back_than_asked(crm: httpx.Client) -> None:
    assert crm.post("/crm/customers/123/summary", params={"days_back": 4}).json()["interactions_analyzed"] == 2
    assert crm.post("/crm/customers/123/summary", params={"days_back": 0}).status_code == 422
