"""The row tells what the client got; the handler's own exception is never touched."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse

from prelude_otel import activity, current_activity
from prelude_otel.testing import capture_activities
from tests.support.service import running_service


class DealError(Exception):
    """A domain's own."""


class Conflict(DealError):  # noqa: N818
    status_code = 409


def app_that(outcome: Any, *, is_async: bool = False) -> FastAPI:
    """An application whose one handler raises, or gives, `outcome`."""
    app = FastAPI()

    def act() -> Any:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    if is_async:

        @app.get("/crm/deals/{deal_id}")
        @activity("crm.view_deal")
        async def view_async(deal_id: int) -> Any:
            return act()

    else:

        @app.get("/crm/deals/{deal_id}")
        @activity("crm.view_deal")
        def view(deal_id: int) -> Any:
            return act()

    return app


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("outcome", "answered", "status", "error_type", "http_status"),
    [
        (ValueError("x"), 500, "error", "ValueError", None),
        (DealError(), 500, "error", f"{__name__}.DealError", None),
        (HTTPException(404), 404, "error", "404", 404),
        (HTTPException(400, "no"), 400, "error", "400", 400),
        (HTTPException(503), 503, "error", "503", 503),
        (HTTPException(504), 504, "timeout", "504", 504),
        (TimeoutError(), 500, "timeout", "TimeoutError", None),
        (JSONResponse({}, 404), 404, "error", "404", 404),
        (JSONResponse({}, 504), 504, "timeout", "504", 504),
        (JSONResponse({}, 201), 201, "success", None, None),
        (RedirectResponse("/elsewhere"), 307, "success", None, None),
        ({"id": 1}, 200, "success", None, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value)[:20],
)
def test_an_outcome_has_its_status(
    outcome: Any, answered: int, status: str, error_type: str | None, http_status: int | None, is_async: bool
) -> None:
    with running_service(app_that(outcome, is_async=is_async)) as service:
        assert service.get("/crm/deals/7", follow_redirects=False).status_code == answered
    event = service.only()
    assert (event.result_status, event.error_type, event.http_status) == (status, error_type, http_status)
    assert event.handler_ran
    assert event.entity_id == "7"


def test_exceptions_pass_through_as_the_same_object_with_their_traceback() -> None:
    error = DealError("unchanged")

    @activity("crm.view_deal")
    def raises(deal_id: int) -> None:
        raise error

    @activity("crm.view_deal")
    async def raises_async(deal_id: int) -> None:
        raise error

    calls: list[Callable[[], None]] = [lambda: raises(1), lambda: asyncio.run(raises_async(1))]
    with capture_activities() as captured:
        for call in calls:
            error.__traceback__ = None
            with pytest.raises(DealError) as caught:
                call()
            assert caught.value is error
            assert error.__context__ is None
            assert error.__cause__ is None
            assert not hasattr(error, "__notes__")
            frames = traceback.extract_tb(error.__traceback__)
            assert frames[-1].name in {"raises", "raises_async"}
    assert [event.error_type for event in captured] == [f"{__name__}.DealError"] * 2


@pytest.mark.parametrize("status", [400, 409, 504])
def test_a_custom_exception_handler_decides_what_the_client_got(status: int) -> None:
    app = app_that(Conflict())

    @app.exception_handler(DealError)
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({}, status)

    with running_service(app) as service:
        assert service.get("/crm/deals/7").status_code == status
    event = service.only()
    assert event.result_status == ("timeout" if status == 504 else "error")
    assert event.http_status == status


def test_an_exception_handler_for_everything_sees_the_same_exception() -> None:
    error = RuntimeError("x")
    app = app_that(error)
    seen: list[Exception] = []

    @app.exception_handler(Exception)
    async def answer(request: Request, error: Exception) -> JSONResponse:
        seen.append(error)
        return JSONResponse({}, 500)

    with running_service(app) as service:
        service.get("/crm/deals/7")
    assert seen == [error]
    assert service.only().error_type == "RuntimeError"


@pytest.mark.parametrize("result", [object(), {"x": object()}, float("nan")], ids=["object", "inner", "nan"])
def test_a_response_that_fails_to_serialise_is_an_error_though_the_handler_returned(result: Any) -> None:
    with running_service(app_that(result, is_async=True)) as service:
        answered = service.get("/crm/deals/7").status_code
    event = service.only()
    assert event.handler_ran
    assert event.result_status == ("error" if answered == 500 else "success")
    if not isinstance(result, float):
        assert answered == 500


def test_a_result_that_does_not_fit_the_response_model_is_an_error() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    def view(deal_id: int) -> dict[str, int]:
        return {"x": "no number"}  # type: ignore[dict-item]

    with running_service(app) as service:
        assert service.get("/crm/deals/7").status_code == 500
    event = service.only()
    assert (event.result_status, event.handler_ran) == ("error", True)
    assert "ResponseValidationError" in str(event.error_type)


def refuse(status: int) -> Any:
    """A dependency that refuses."""

    def dependency() -> None:
        raise HTTPException(status)

    return dependency


def crash() -> None:
    raise DealError


@pytest.mark.parametrize(
    ("dependency", "path", "answered", "error_type", "http_status"),
    [
        (refuse(401), "/crm/deals/7", 401, "401", 401),
        (refuse(403), "/crm/deals/7", 403, "403", 403),
        (refuse(307), "/crm/deals/7", 307, "307", 307),
        (crash, "/crm/deals/7", 500, f"{__name__}.DealError", None),
        (lambda: None, "/crm/deals/seven", 422, "422", 422),
    ],
    ids=["401", "403", "to the login", "crash", "422"],
)
def test_an_endpoint_refused_before_it_ran_is_a_row_too(
    dependency: Any, path: str, answered: int, error_type: str, http_status: int | None
) -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}", dependencies=[Depends(dependency)])
    @activity("crm.view_deal")
    def view(deal_id: int) -> None:
        raise AssertionError("the handler ran")

    with running_service(app) as service:
        headers = {"X-Session-ID": "s-1"}
        assert service.get(path, headers=headers, follow_redirects=False).status_code == answered
    event = service.only()
    assert (event.result_status, event.error_type, event.http_status) == ("error", error_type, http_status)
    assert event.handler_ran is False
    assert event.attributes["prelude.handler.ran"] is False
    assert (event.entity_id, event.page_url) == (path.rsplit("/", 1)[1], path)
    assert event.page_route == "/crm/deals/{deal_id}"
    assert event.duration_ms is None
    assert event.session_id == "s-1"
    assert event.trace_id is not None


def test_a_body_that_does_not_validate_is_a_refusal() -> None:
    app = FastAPI()

    @app.post("/crm/deals")
    @activity("crm.create_deal")
    def create(deal_name: str) -> None: ...

    with running_service(app) as service:
        assert service.post("/crm/deals").status_code == 422
    assert (service.only().handler_ran, service.only().http_status) == (False, 422)


@pytest.mark.parametrize(("method", "path", "answered"), [("POST", "/crm/deals/7", 405), ("GET", "/nowhere", 404)])
def test_a_method_or_path_that_no_endpoint_has_is_no_activity(method: str, path: str, answered: int) -> None:
    with running_service(app_that(None)) as service:
        assert service.client.request(method, path).status_code == answered
    assert len(service.activities) == 0


def test_a_405_that_is_answered_otherwise_is_no_activity() -> None:
    app = app_that(None)

    @app.exception_handler(405)
    async def hide(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({}, 404)

    with running_service(app) as service:
        assert service.post("/crm/deals/7").status_code == 404
    assert len(service.activities) == 0


def test_an_answer_from_a_cache_is_no_refusal() -> None:
    import functools

    app = FastAPI()

    def cached(function: Any) -> Any:
        @functools.wraps(function)
        async def from_cache(*_: Any, **__: Any) -> Any:
            return {"cached": True}

        return from_cache

    @app.get("/crm/deals/{deal_id}")
    @cached
    @activity("crm.view_deal")
    async def view(deal_id: int) -> None:
        raise AssertionError("the handler ran")

    with running_service(app) as service:
        assert service.get("/crm/deals/7").json() == {"cached": True}
    assert all(event.result_status == "success" for event in service.activities)


def test_the_handlers_own_timeout_is_a_timeout() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    async def view(deal_id: int) -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(30)

    with running_service(app) as service:
        assert service.get("/crm/deals/7").status_code == 500
    assert (service.only().result_status, service.only().error_type) == ("timeout", "TimeoutError")


class Within:
    """A middleware that gives the application a moment, and answers 504 then."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(0.05):
                await self.app(scope, receive, send)
        except TimeoutError:
            await JSONResponse({}, 504)(scope, receive, send)


async def answer_in_time(request: Request, call_next: Any) -> Any:
    """The same as a function for BaseHTTPMiddleware: the handler goes on after the answer."""
    try:
        async with asyncio.timeout(0.05):
            return await call_next(request)
    except TimeoutError:
        return JSONResponse({}, 504)


@pytest.mark.parametrize("kind", ["pure", "base"])
def test_a_timeout_around_the_handler_that_answers_504_is_a_timeout(kind: str) -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    async def view(deal_id: int) -> None:
        await asyncio.sleep(0.5)

    if kind == "pure":
        app.add_middleware(Within)
    else:
        app.middleware("http")(answer_in_time)
    with running_service(app) as service:
        assert service.get("/crm/deals/7").status_code == 504
    event = service.only()
    assert (event.result_status, event.http_status, event.handler_ran) == ("timeout", 504, True)


def test_a_cancelled_function_is_an_error_called_cancelled() -> None:
    @activity("crm.view_deal")
    async def view(deal_id: int) -> None:
        await asyncio.sleep(30)

    async def cancel() -> None:
        task = asyncio.create_task(view(1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture_activities() as captured:
        asyncio.run(cancel())
    assert (captured.only().result_status, captured.only().error_type) == ("error", "cancelled")


def test_an_exception_whose_attributes_raise_costs_no_row(caplog: pytest.LogCaptureFixture) -> None:
    class Nasty(Exception):  # noqa: N818
        @property
        def status_code(self) -> int:
            raise RuntimeError("nasty")

    with running_service(app_that(Nasty()), lenient=True) as service, caplog.at_level(logging.CRITICAL):
        assert service.get("/crm/deals/7").status_code == 500
    assert service.only().result_status == "error"


async def failing_session() -> Any:
    yield
    raise DealError


def test_a_dependency_that_fails_after_the_handler_makes_an_error_of_it() -> None:
    app = FastAPI()

    @app.get("/crm/deals/{deal_id}")
    @activity("crm.view_deal")
    async def view(deal_id: int, session: Annotated[None, Depends(failing_session, scope="function")]) -> None:
        current_activity().result(ok=True)

    with running_service(app) as service:
        assert service.get("/crm/deals/7").status_code == 500
    event = service.only()
    assert (event.result_status, event.error_type) == ("error", f"{__name__}.DealError")
    assert (event.handler_ran, event.result_data) == (True, {"ok": True})
