"""Filters: what a client may write, and what a row must have."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse

from prelude_analytics.filters import FilterQuery, Filters
from prelude_analytics.parameters import ParameterError
from prelude_analytics.ranges import RangeQuery

CUT = datetime(2026, 3, 1, tzinfo=UTC)
ROW: dict[str, Any] = {
    "timestamp": datetime(2026, 2, 28, tzinfo=UTC),
    "user_email": "user@company.com",
    "session_id": "s-1",
    "action_type": "crm",
    "action_name": "create_deal",
    "entity_type": "deal",
    "entity_id": "789",
    "service_name": "crm-service",
    "page_url": None,
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "ip_address": None,
    "page_route": None,
    "result_status": "pending",
    "tags": ["vip"],
    "action_data": {"deal_name": "Enterprise", "lines": [{"text": "Größe"}], "value_usd": 50000.0, "customer_id": 12},
}


class Asked(FilterQuery, RangeQuery):
    """Parameters of a route."""


def refused(values: dict[str, Any]) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        Filters.read(values)
    return caught.value


def test_an_address_is_read_in_the_form_of_the_log() -> None:
    assert Filters.read({"user_email": " User@Company.com"}).user_email == "user@company.com"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("action_type", "sales", "analytics, authentication"),
        ("result_status", "failed", "error, pending, success, timeout"),
        ("entity_id", "", "at least one character"),
        ("entity_id", "a\x00b", "without NUL"),
        ("tag", "x" * 501, "at most 500"),
        ("q", "x", "2 to 200"),
        ("user_email", "  ", "an address"),
        ("colour", "red", "no such filter"),
        ("action_group", "all", "views, emails, deals"),
        ("email_method", "pigeon", "smtp, other"),
        ("deal_value", "high", "known, unknown"),
        ("weekday", "0", "1, 2, 3, 4, 5, 6, 7"),
        ("hour", "24", "0, 1, 2"),
        ("tz", "Mars/Olympus", "IANA"),
        ("tz", "UTC", "weekday or hour"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(name: str, value: str, says: str) -> None:
    error = refused({name: value})
    assert error.parameter == name
    assert says in error.allowed


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"user_email": "user@company.com", "tag": "vip"},
        {"result_status": "timeout"},
        {"q": "ENTERPRISE"},
        {"q": "gröss"[:3]},
        {"q": "company.com"},
        {"page_route": "(none)"},
        {"action_group": "deals"},
        {"customer_id": "12"},
        {"deal_value": "known"},
        {"browser": "Firefox on Linux"},
        {"ip_address": "(none)"},
        {"weekday": "6", "hour": "0"},
        {"weekday": "6", "hour": "5", "tz": "Asia/Kolkata"},
        {"weekday": "5", "tz": "America/New_York"},
    ],
)
def test_a_row_that_has_what_is_asked_matches(asked: dict[str, str]) -> None:
    assert Filters.read(asked).matches(ROW, CUT)


@pytest.mark.parametrize(
    "asked",
    [
        {"result_status": "pending"},
        {"q": "50000"},
        {"tag": "v"},
        {"entity_id": "78"},
        {"entity_type": "deal", "action_name": "x"},
        {"page_route": "/deals"},
        {"service_name": "(none)"},
        {"action_group": "views"},
        {"customer_id": "1"},
        {"email_method": "other"},
        {"deal_value": "unknown"},
        {"browser": "Firefox"},
        {"browser": "(none)"},
        {"ip_address": "10.0.0.1"},
        {"weekday": "7"},
    ],
)
def test_a_row_that_lacks_any_of_it_does_not(asked: dict[str, str]) -> None:
    assert not Filters.read(asked).matches(ROW, CUT)


def test_rollups_answer_only_what_they_know() -> None:
    assert Filters(action_type="crm", result_status="error").answered_by_rollups
    assert not Filters(action_type="crm", tag="vip").answered_by_rollups
    assert not Filters(service_name="(none)").answered_by_rollups


def test_no_text_of_a_client_stands_in_a_condition() -> None:
    condition, values = Filters(tag="x'; DROP", q="y'; DROP", action_name="z'; DROP").where("log")
    assert "DROP" not in condition
    assert sorted(values) == ["filter_action_name", "filter_q", "filter_tag"]


def test_other_filters_have_another_digest() -> None:
    assert Filters(tag="a").digest != Filters(q="aa").digest
    assert Filters(tag="a").digest == Filters.read({"tag": "a"}).digest


def test_a_route_refuses_what_is_none_of_its_parameters_and_documents_those_that_are() -> None:
    app = FastAPI()

    @app.exception_handler(ParameterError)
    def refuse(request: Any, error: Any) -> Any:
        return JSONResponse({"parameter": error.parameter, "allowed": error.allowed}, 422)

    @app.get("/")
    def answer(asked: Annotated[Asked, Query()]) -> dict[str, str]:
        return asked.filters().given

    async def ask(url: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(url)

    assert asyncio.run(ask("/?from=2026-01-01&tag=vip&q=me%26you")).json() == {"tag": "vip", "q": "me&you"}
    answered = asyncio.run(ask("/?actionname=x"))
    assert answered.status_code == 422
    assert answered.json()["parameter"] == "actionname"
    assert "action_name" in answered.json()["allowed"]
    documented = {parameter["name"] for parameter in app.openapi()["paths"]["/"]["get"]["parameters"]}
    assert {"from", "to", "days", "tz", "q", "tag"} <= documented
