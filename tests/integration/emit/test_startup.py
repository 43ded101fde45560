"""What is set up wrongly stops the start, with the place and the remedy; what is absent does not."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

import prelude_otel
from prelude_otel import activity, state
from prelude_otel.errors import CatalogueError, ConfigurationError, UnknownActivityError
from prelude_otel.testing import capture_activities
from tests.support.service import running_service
from tests.support.uvicorn_server import ServerDidNotStartError, running_server


def instrument(app: Any = None, **settings: Any) -> None:
    """With a name, so that nothing is said about it."""
    prelude_otel.instrument(app, **{"service_name": "crm-service", **settings})


def add_view(app: FastAPI, name: str = "crm.view_deal") -> None:
    """Add a decorated route."""

    @app.get("/crm/deals/{deal_id}")
    @activity(name)
    def view(deal_id: int) -> int:
        return deal_id


def run_program(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program to its end."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)


@pytest.mark.parametrize("lifespan", ["auto", "on"])
def test_an_unknown_name_stops_the_start_with_place_and_nearest_match(
    lifespan: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    instrument(app)
    add_view(app, "crm.view_dael")
    with caplog.at_level(logging.ERROR), pytest.raises(ServerDidNotStartError), running_server(app, lifespan=lifespan):
        pytest.fail("the application started")
    assert "did you mean 'crm.view_deal'?" in caplog.text
    assert "test_startup.py:" in caplog.text


def test_an_unknown_name_decorated_before_raises_at_instrument() -> None:
    app = FastAPI()
    add_view(app, "crm.view_dael")
    with pytest.raises(UnknownActivityError, match=r"test_startup\.py:\d+ \(.*view\).*did you mean 'crm\.view_deal'"):
        instrument(app)
    assert state.runtime is None


@pytest.mark.parametrize("where", ["application", "router", "mount"])
def test_a_decorator_above_the_route_stops_the_start_with_its_place(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, router, sub = FastAPI(), APIRouter(prefix="/r"), FastAPI()
    instrument(app)
    targets: dict[str, FastAPI | APIRouter] = {"application": app, "router": router, "mount": sub}
    target = targets[where]

    @activity("crm.view_deal")
    @target.get("/crm/deals/{deal_id}")
    def view(deal_id: int) -> int:
        return deal_id

    app.include_router(router)
    app.mount("/sub", sub)
    with caplog.at_level(logging.ERROR), pytest.raises(ServerDidNotStartError), running_server(app):
        pytest.fail("the application started")
    assert "stands above the route's decorator" in caplog.text
    assert "test_startup.py:" in caplog.text


def test_the_applications_own_lifespan_still_runs() -> None:
    ran: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        ran.append("up")
        yield {"pool": 1}
        ran.append("down")

    app = FastAPI(lifespan=lifespan)
    add_view(app)
    with running_service(app) as service:
        assert service.get("/crm/deals/7").json() == 7
    assert ran == ["up", "down"]
    assert service.only().entity_id == "7"


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_routes_may_be_decorated_before_or_after_instrument(before: bool) -> None:
    app = FastAPI()
    if before:
        add_view(app)
    instrument(app)
    if not before:
        add_view(app)
    with running_service(app) as service:
        service.get("/crm/deals/7")
    assert service.only().page_url == "/crm/deals/7"


def test_without_a_lifespan_an_unknown_name_costs_no_request(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    instrument(app)
    add_view(app, "crm.view_dael")

    async def ask() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return (await client.get("/crm/deals/7")).status_code

    assert asyncio.run(ask()) == 200
    assert sum(prelude_otel.stats().problems.values()) > 0
    assert prelude_otel.stats().emitted == 0


def test_without_instrument_the_decorator_does_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    add_view(app)
    with running_server(app) as url:
        for _ in range(3):
            assert httpx.get(f"{url}/crm/deals/7", trust_env=False).json() == 7
    said = [record for record in caplog.records if "call prelude_otel.instrument()" in record.getMessage()]
    assert len(said) == 1
    assert prelude_otel.stats().emitted == 0


def test_instrument_twice_with_the_same_is_once() -> None:
    app = FastAPI()
    add_view(app)
    instrument(app)
    instrument(app)
    instrument()
    with running_service(app) as service:
        service.get("/crm/deals/7")
    assert len(service.activities) == 1


def test_instrument_twice_with_others_is_an_error_that_names_them() -> None:
    instrument()
    with pytest.raises(ConfigurationError, match=r"other settings: .*events"):
        instrument(events="span")
    with pytest.raises(ConfigurationError, match="service_name"):
        instrument(service_name="other")


def test_instrument_too_late_is_an_error() -> None:
    app = FastAPI()
    with running_server(app), pytest.raises(ConfigurationError, match=r"comes too late: .* right after FastAPI"):
        instrument(app)
    assert state.runtime is None


@pytest.mark.parametrize("thing", ["app", 7, object()])
def test_what_is_no_application_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"expected a FastAPI application; call instrument\(\) for a worker"):
        instrument(thing)
    assert state.runtime is None


def test_two_applications_of_one_process_share_the_settings() -> None:
    first, second = FastAPI(), FastAPI()
    add_view(first)
    add_view(second)
    instrument(first)
    with running_service(second) as service, running_server(first) as url:
        service.get("/crm/deals/7")
        httpx.get(f"{url}/crm/deals/8", trust_env=False)
    assert [event.entity_id for event in service.activities] == ["7", "8"]


def test_middlewares_added_after_instrument_are_inside_of_ours() -> None:
    app = FastAPI()
    add_view(app)
    instrument(app)

    @app.middleware("http")
    async def refuse(request: Any, call_next: Any) -> Any:
        from fastapi.responses import JSONResponse

        await call_next(request)
        return JSONResponse({}, 503)

    with running_service(app) as service:
        assert service.get("/crm/deals/7").status_code == 503
    assert (service.only().result_status, service.only().http_status) == ("error", 503)


def test_a_catalogue_file_is_read_at_instrument(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[calendar.book_meeting]\nentity = "meeting"\nfields.minutes = "integer"\n')
    app = FastAPI()

    @app.post("/meetings")
    @activity("calendar.book_meeting")
    def book(minutes: int) -> dict[str, int]:
        return {"id": 5}

    with running_service(app, catalogue=tmp_path / "own.toml") as service:
        service.post("/meetings?minutes=30")
    assert (service.only().entity_type, service.only().action_data) == ("meeting", {"minutes": 30})


def test_a_faulty_catalogue_file_raises_at_instrument(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"missing\.toml"):
        instrument(catalogue=tmp_path / "missing.toml")
    assert state.runtime is None


def test_the_sdk_can_be_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    app = FastAPI()
    add_view(app)
    instrument(app)
    with running_server(app) as url:
        assert httpx.get(f"{url}/crm/deals/7", trust_env=False).status_code == 200
    assert prelude_otel.stats().emitted == 0


def test_an_absent_collector_delays_neither_start_nor_request_nor_end() -> None:
    """A process of its own, so that its exit is seen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers here
        program = textwrap.dedent(
            f"""
            import prelude_otel, time
            prelude_otel.instrument(endpoint="http://127.0.0.1:{taken.getsockname()[1]}", service_name="crm-service")
            for number in range(100):
                prelude_otel.emit("crm.delete_deal", deal_id=number)
            print(prelude_otel.stats().emitted)
            """
        )
        done = run_program(program)
    assert done.returncode == 0
    assert done.stdout == "100\n"
    assert "100 activities were not delivered" in done.stderr


def test_a_script_that_ends_has_sent_everything() -> None:
    from tests.support.otlp_receiver import running_receiver

    program = textwrap.dedent(
        """
        import sys, prelude_otel
        prelude_otel.instrument(endpoint=sys.argv[1], service_name="script")
        with prelude_otel.record("crm.delete_deal", deal_id=1):
            pass
        """
    )
    with running_receiver() as receiver:
        done = run_program(program, receiver.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert len(receiver.records) == 1
        assert [span.name for span in receiver.spans] == ["prelude.crm.delete_deal"]
        assert receiver.spans[0].span_id == receiver.records[0].span_id


def test_the_captured_runtime_is_gone_afterwards() -> None:
    with capture_activities():
        assert state.runtime is not None
    assert state.runtime is None
