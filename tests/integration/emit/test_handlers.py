"""Whatever a handler looks like, its call is one activity with what the catalogue declares."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Query
from pydantic import BaseModel

import prelude_otel
from prelude_otel import activity, current_activity
from prelude_otel.testing import capture_activities
from tests.support.service import running_service
from tests.support.uvicorn_server import running_server


class DealIn(BaseModel):
    deal_name: str
    value_usd: float
    client_id: int


class DealOut(BaseModel):
    id: int
    deal_name: str


class Login(BaseModel):
    password: str
    deal_name: str


def found(q: str) -> str:
    """A dependency's value."""
    return q.upper()


PAGE = {"X-Session-ID": "session-abc", "User-Agent": "tests/1.0"}


def test_a_sync_handler_with_a_pydantic_body_becomes_the_references_row() -> None:
    app = FastAPI()

    @app.post("/crm/deals")
    @activity("crm.create_deal")
    def create_deal(deal: DealIn) -> DealOut:
        return DealOut(id=789, deal_name=deal.deal_name)

    body = {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123}
    with running_service(app) as service:
        answer = service.post("/crm/deals", json=body, headers=PAGE)
    assert answer.json() == {"id": 789, "deal_name": "Enterprise Contract"}
    event = service.only()
    assert (event.action_type, event.action_name, event.action_category) == ("crm", "create_deal", "deal")
    assert (event.entity_type, event.entity_id) == ("deal", "789")
    assert (event.page_url, event.page_route) == ("/crm/deals", "/crm/deals")
    assert event.action_data == {**body, "customer_id": 123}
    assert (event.result_status, event.result_data, event.error_type) == ("success", {}, None)
    assert (event.session_id, event.user_agent, event.ip_address) == ("session-abc", "tests/1.0", "127.0.0.1")
    assert event.user_email is None
    assert event.duration_ms is not None
    assert event.handler_ran


def test_an_async_handler_with_path_and_query_parameters() -> None:
    app = FastAPI()

    @app.get("/crm/customers/{customer_id}/summary")
    @activity("crm.view_interaction_summary", tags=("ai",))
    async def view(customer_id: int, from_cache: Annotated[bool, Query()] = False) -> dict[str, Any]:
        current_activity().tag("vip", "ai").result(lines=3)
        return {}

    with running_service(app) as service:
        service.get("/crm/customers/5/summary?from_cache=true")
    event = service.only()
    assert (event.page_url, event.page_route) == ("/crm/customers/5/summary", "/crm/customers/{customer_id}/summary")
    assert event.action_data == {"customer_id": 5, "from_cache": True}
    assert event.result_data == {"lines": 3}
    assert sorted(event.tags) == ["ai", "vip"]


def test_ruling_13_the_concrete_page_and_its_template_are_both_kept() -> None:
    app = FastAPI()

    @app.get("/api/v2/c/{customer_id}")
    @activity("crm.view_customer")
    def view(customer_id: str) -> None: ...

    with running_service(app) as service:
        service.get("/api/v2/c/123")
    assert (service.only().page_url, service.only().page_route) == (
        "/crm/customers/123",
        "/crm/customers/{customer_id}",
    )


def test_ruling_2_view_customer_carries_its_customer_id() -> None:
    app = FastAPI()

    @app.get("/crm/customers/{customer_id}")
    @activity("crm.view_customer")
    async def view(customer_id: int) -> None: ...

    with running_service(app) as service:
        service.get("/crm/customers/123")
    assert (service.only().entity_id, service.only().action_data) == ("123", {"customer_id": 123})


def test_ruling_5_a_value_that_is_no_number_is_kept_aside_and_the_row_lands() -> None:
    app = FastAPI()

    @app.patch("/crm/deals/{deal_id}")
    @activity("crm.update_deal")
    async def update(deal_id: int, updated_fields: Annotated[dict[str, Any], Body(embed=True)]) -> None: ...

    with running_service(app) as service:
        service.client.patch("/crm/deals/4", json={"updated_fields": {"stage": "won", "value_usd": "a lot"}})
    event = service.only()
    assert event.action_data == {"updated_fields": {"stage": "won"}}
    assert event.result_data == {"rejected_fields": {"updated_fields.value_usd": "a lot"}}


def test_dependencies_give_fields_and_current_activity_is_seen_in_functions_that_the_handler_calls() -> None:
    app = FastAPI()

    def search(text: str) -> list[str]:
        current_activity().set(results_count=2)
        return [text, text]

    @app.get("/crm/customers/search")
    @activity("crm.search_customers", fields={"search_query": "term"})
    def handler(term: Annotated[str, Depends(found)]) -> list[str]:
        return search(term)

    with running_service(app) as service:
        assert service.get("/crm/customers/search?q=acme").json() == ["ACME", "ACME"]
    assert service.only().action_data == {"search_query": "ACME", "results_count": 2}


def test_only_what_is_declared_is_captured() -> None:
    app = FastAPI()

    @app.post("/crm/deals")
    @activity("crm.create_deal")
    def create(login: Login, token: str) -> dict[str, Any]:
        return {"id": 1, "secret": "in the result"}

    with running_service(app) as service:
        service.post("/crm/deals?token=abc", json={"password": "hunter2", "deal_name": "x"})
    event = service.only()
    assert event.action_data == {"deal_name": "x"}
    assert not {"hunter2", "abc", "in the result"} & set(map(str, event.attributes.values()))


def test_a_router_with_prefixes_gives_the_whole_template_where_the_catalogue_has_no_page() -> None:
    prelude_otel.declare("crm.archive_deal", entity="deal", entity_id="deal_id")
    inner = APIRouter(prefix="/deals")

    @inner.post("/{deal_id}/archive")
    @activity("crm.archive_deal")
    def archive(deal_id: int) -> None: ...

    middle = APIRouter(prefix="/crm")
    middle.include_router(inner)
    app = FastAPI()
    app.include_router(middle, prefix="/api")
    with running_service(app) as service:
        assert service.post("/api/crm/deals/7/archive").status_code == 200
    event = service.only()
    assert (event.page_url, event.page_route) == ("/api/crm/deals/7/archive", "/api/crm/deals/{deal_id}/archive")
    assert event.entity_id == "7"


@pytest.mark.parametrize("instrumented", [False, True], ids=["plain", "instrumented"])
def test_a_mounted_application_records_each_activity_once(instrumented: bool) -> None:
    prelude_otel.declare("crm.archive_deal", entity="deal", entity_id="deal_id")
    sub = FastAPI()

    @sub.post("/deals/{deal_id}/archive")
    @activity("crm.archive_deal")
    def archive(deal_id: int) -> None: ...

    app = FastAPI()
    app.mount("/sub", sub)
    if instrumented:
        prelude_otel.instrument(sub, service_name="crm-service")
    with running_service(app) as service:
        assert service.post("/sub/deals/7/archive", headers=PAGE).status_code == 200
    event = service.only()
    assert (event.page_url, event.page_route) == ("/sub/deals/7/archive", "/sub/deals/{deal_id}/archive")
    assert event.session_id == "session-abc"


def test_behind_a_root_path_page_and_template_agree() -> None:
    prelude_otel.declare("crm.archive_deal", entity="deal", entity_id="deal_id")
    app = FastAPI()

    @app.post("/deals/{deal_id}/archive")
    @activity("crm.archive_deal")
    def archive(deal_id: int) -> None: ...

    prelude_otel.instrument(app, service_name="crm-service")
    with capture_activities() as activities, running_server(app, root_path="/proxy") as url:
        assert httpx.post(f"{url}/deals/7/archive", trust_env=False).status_code == 200
    event = activities.only()
    assert str(event.page_route).endswith("/deals/{deal_id}/archive")
    assert event.page_url == str(event.page_route).replace("{deal_id}", "7")


def test_nested_activities_are_each_a_row_and_their_spans_nest() -> None:
    app = FastAPI()

    @activity("crm.generate_email")
    def write(customer_id: int, email_type: str = "followup") -> str:
        assert current_activity().kind.name == "generate_email"
        return "Dear"

    @app.post("/crm/email/send")
    @activity("crm.send_email")
    def send(customer_id: int) -> str:
        text = write(customer_id)
        assert current_activity().kind.name == "send_email"
        return text

    with running_service(app) as service:
        service.post("/crm/email/send?customer_id=5")
    inner, outer = service.activities
    assert (inner.name, outer.name) == ("crm.generate_email", "crm.send_email")
    assert inner.trace_id == outer.trace_id
    assert inner.span_id != outer.span_id


def test_an_endpoint_that_calls_itself_is_two_activities() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    def view(deal_id: int) -> int:
        return view(deal_id - 1) if deal_id > 1 else deal_id

    with running_service(app) as service:
        assert service.get("/crm/deals/2").json() == 1
    assert sorted(str(event.entity_id) for event in service.activities) == ["1", "2"]


def test_the_openapi_document_is_the_same_with_and_without_the_decorator() -> None:
    def documented(*, decorated: bool) -> Any:
        app = FastAPI()

        def create_deal(deal: DealIn, q: Annotated[int, Query(gt=0)] = 1) -> DealOut:
            """Make a deal."""
            raise NotImplementedError

        app.post("/deals")(activity("crm.create_deal")(create_deal) if decorated else create_deal)
        return app.openapi()

    assert documented(decorated=True) == documented(decorated=False)


def test_concurrent_requests_do_not_mix() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    async def view(deal_id: int) -> int:
        await asyncio.sleep(0.001 * (deal_id % 7))
        current_activity().set(customer_id=deal_id)
        return deal_id

    async def ask(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await asyncio.gather(
                *(client.get(f"/crm/deals/{number}", headers={"X-Session-ID": f"s{number}"}) for number in range(60))
            )

    with running_service(app) as service:
        asyncio.run(ask(service.url))
    assert len(service.activities) == 60
    for event in service.activities:
        assert event.session_id == f"s{event.entity_id}"
        assert event.action_data == {"customer_id": int(event.entity_id or -1)}
        assert event.page_url == f"/crm/deals/{event.entity_id}"
