"""Responses that take their time, clients that go away, sockets, and work that goes on after the answer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import urlsplit

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

import prelude_otel
from prelude_otel import activity, current_activity, record, set_user
from prelude_otel.testing import capture_activities
from tests.support.service import Service, running_service


def wait_for(true: Any, within: float = 15.0) -> None:
    """Until `true` holds."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def test_a_streaming_response_ends_its_activity_when_it_starts() -> None:
    app = FastAPI()
    go_on = threading.Event()

    @app.get("/crm/customers")
    @activity("crm.view_customers_list")
    def export() -> StreamingResponse:
        def rows() -> Any:
            yield b"first"
            go_on.wait(10)
            yield b"last"

        return StreamingResponse(rows())

    with running_service(app) as service, service.client.stream("GET", "/crm/customers") as response:
        wait_for(lambda: len(service.activities) == 1)
        go_on.set()
        assert response.read() == b"firstlast"
    assert service.only().result_status == "success"


def sync_rows() -> Any:
    with record("crm.view_customers_list") as a:
        for number in range(3):
            a.set(customer_count=number + 1)
            yield b"row"


async def async_rows() -> Any:
    with record("crm.view_customers_list") as a:
        for number in range(3):
            a.set(customer_count=number + 1)
            yield b"row"
            await asyncio.sleep(0)


@pytest.mark.parametrize("rows", [sync_rows, async_rows])
def test_record_inside_a_generator_that_streams_is_one_activity(rows: Any) -> None:
    app = FastAPI()

    @app.get("/crm/customers")
    def export() -> StreamingResponse:
        return StreamingResponse(rows())

    with running_service(app) as service:
        assert service.get("/crm/customers").text == "rowrowrow"
    event = service.only()
    assert (event.action_data, event.result_status) == ({"customer_count": 3}, "success")
    assert event.duration_ms is not None


def sync_session() -> Any:
    with record("crm.delete_deal", deal_id=1):
        yield


async def async_session() -> Any:
    with record("crm.delete_deal", deal_id=1):
        yield


@pytest.mark.parametrize("session", [sync_session, async_session])
def test_record_inside_a_dependency_that_yields_is_one_activity(session: Any) -> None:
    app = FastAPI()

    @app.get("/", dependencies=[Depends(session)])
    def nothing() -> None: ...

    with running_service(app) as service:
        assert service.get("/").status_code == 200
    assert service.only().result_status == "success"


def test_after_a_record_in_a_generator_no_activity_is_left_current() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    def view(deal_id: int) -> str:
        for _ in sync_rows():
            pass
        return current_activity().kind.name

    with running_service(app) as service:
        assert service.get("/crm/deals/1").json() == "view_deal"
    assert service.activities.names == ["crm.view_customers_list", "crm.view_deal"]


def test_a_stream_that_breaks_off_is_one_row() -> None:
    app = FastAPI()

    @app.get("/crm/customers")
    @activity("crm.view_customers_list")
    def export() -> StreamingResponse:
        def rows() -> Any:
            yield b"first"
            raise ValueError

        return StreamingResponse(rows())

    with running_service(app) as service, pytest.raises(Exception, match=r"peer closed|incomplete|disconnected"):
        service.get("/crm/customers")
    assert len(service.activities) == 1


def leave_at_once(service: Service, path: str, entered: threading.Event) -> None:
    """Ask, wait until the handler runs, and go away."""
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Session-ID: gone\r\n\r\n".encode())
        assert entered.wait(10)


@pytest.mark.parametrize("with_middleware", [False, True], ids=["plain", "BaseHTTPMiddleware"])
def test_a_client_that_goes_away_leaves_one_row(with_middleware: bool) -> None:
    app = FastAPI()
    entered = threading.Event()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    async def view(deal_id: int, request: Request) -> None:
        entered.set()
        for _ in range(20):  # within BaseHTTPMiddleware nobody says that the client has gone
            if not await request.is_disconnected():
                await asyncio.sleep(0.01)

    if with_middleware:

        @app.middleware("http")
        async def pass_on(request: Request, call_next: Any) -> Any:
            return await call_next(request)

    with running_service(app) as service:
        leave_at_once(service, "/crm/deals/7", entered)
        wait_for(lambda: len(service.activities) == 1)
    event = service.only()
    assert (event.entity_id, event.session_id, event.handler_ran) == ("7", "gone", True)


@pytest.mark.skipif(
    tuple(map(int, version("uvicorn").split(".")[:2])) < (0, 40), reason="this uvicorn goes on streaming to nobody"
)
def test_a_client_that_goes_away_from_a_stream_leaves_one_row_for_a_record_inside() -> None:
    app = FastAPI()
    entered = threading.Event()

    @app.get("/crm/customers")
    async def export() -> StreamingResponse:
        async def rows() -> Any:
            with record("crm.view_customers_list"):
                while True:
                    yield b"row" * 1000
                    entered.set()
                    await asyncio.sleep(0.01)

        return StreamingResponse(rows())

    with running_service(app) as service:
        leave_at_once(service, "/crm/customers", entered)
        wait_for(lambda: len(service.activities) == 1)
    assert service.only("crm.view_customers_list").session_id == "gone"


def test_background_tasks_are_activities_of_their_own() -> None:
    app = FastAPI()

    @activity("crm.generate_email")
    async def write(customer_id: int) -> None:
        current_activity().set(email_type="followup")

    @app.post("/crm/email/send")
    @activity("crm.send_email")
    def send(customer_id: int, tasks: BackgroundTasks) -> None:
        set_user("u@x.com")
        tasks.add_task(write, customer_id)

    with running_service(app) as service:
        service.post("/crm/email/send?customer_id=3")
    assert service.activities.names == ["crm.send_email", "crm.generate_email"]
    assert service.activities[1].action_data == {"customer_id": 3, "email_type": "followup"}
    assert {event.user_email for event in service.activities} == {"u@x.com"}
    assert service.activities[0].trace_id == service.activities[1].trace_id


def test_a_task_that_outlives_its_handler_sees_no_running_activity(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    tasks: list[Any] = []

    async def later() -> None:
        await asyncio.sleep(0.05)
        current_activity().set(customer_id=9).tag("late")

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    async def view(deal_id: int) -> None:
        tasks.append(asyncio.ensure_future(later()))

    @app.get("/wait")
    async def wait() -> None:
        await tasks[0]

    with running_service(app) as service:
        service.get("/crm/deals/1")
        assert service.get("/wait").status_code == 200
    assert (service.only().action_data, service.only().tags) == ({}, ())
    assert "it has no effect" in caplog.text


async def socket_session(app: FastAPI, path: str) -> None:
    """Open a web socket, send one text, and close, as a server would tell the application."""
    messages: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"x"), (b"x-session-id", b"ws-1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": [],
    }

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None: ...

    await app(scope, receive, send)


def test_a_function_of_the_request_says_who_is_at_a_web_socket() -> None:
    app = FastAPI()
    prelude_otel.instrument(
        app, service_name="crm-service", user=lambda request: request.headers["x-session-id"] + "@x"
    )

    @app.websocket("/live")
    @activity("crm.view_deals_list")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()

    with capture_activities() as activities:
        asyncio.run(socket_session(app, "/live"))
    assert activities.only().user_email == "ws-1@x"


@pytest.mark.parametrize("fails", [False, True])
def test_a_web_socket_is_one_activity_of_its_whole_length(fails: bool) -> None:
    app = FastAPI()
    prelude_otel.instrument(app, service_name="crm-service")

    @app.websocket("/crm/deals/{deal_id}/activities")
    @activity("crm.view_deal_activities")
    async def live(websocket: WebSocket, deal_id: int) -> None:
        await websocket.accept()
        set_user("u@x.com")
        await websocket.send_text((await websocket.receive_text()).upper())
        with record("crm.create_deal_note", deal_id=deal_id, note_id=5):
            pass
        if fails:
            raise ValueError

    with capture_activities() as activities:
        try:
            asyncio.run(socket_session(app, "/crm/deals/7/activities"))
        except ValueError:
            assert fails
    note, whole = activities
    assert (note.entity_id, note.session_id) == ("5", "ws-1")
    assert (whole.name, whole.entity_id) == ("crm.view_deal_activities", "7")
    assert whole.page_url == "/crm/deals/7/activities"
    assert (whole.user_email, whole.session_id) == ("u@x.com", "ws-1")
    assert whole.result_status == ("error" if fails else "success")


def test_a_dependency_may_be_an_activity_itself() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    def view(deal: Annotated[int, Depends(load_customer)]) -> int:
        return deal

    with running_service(app) as service:
        assert service.get("/crm/deals/7?customer_id=3").json() == 3
    assert service.activities.names == ["crm.view_customer", "crm.view_deal"]


@activity("crm.view_customer")
def load_customer(customer_id: int) -> int:
    return customer_id
