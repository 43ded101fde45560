"""The ASGI middleware: holds the request's user, and ends the endpoint's activity with what the client really got."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prelude_otel import state
from prelude_otel.catalogue import Activity
from prelude_otel.contract.vocabulary import ERROR, TIMEOUT
from prelude_otel.decorator import SITE
from prelude_otel.errors import PreludeError
from prelude_otel.request import RequestState, current_request
from prelude_otel.runtime import Runtime, fail, safely
from prelude_otel.startup import resolve_all

__all__ = ["ActivityMiddleware"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_METHOD_NOT_ALLOWED = 405


class ActivityMiddleware:
    """Pure ASGI; `instrument` makes it the outermost of the application's middlewares."""

    def __init__(self, app: Callable[..., Awaitable[None]], check: Callable[[], None] | None = None) -> None:
        self.app = app
        self._check = check

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        runtime = state.runtime
        if scope["type"] == "lifespan" and runtime is not None:
            await self._check_before_start(runtime, receive, send)
        around = current_request.get()
        mounted = around is not None and around.scope is scope  # an instrumented application inside another one
        if runtime is None or scope["type"] not in ("http", "websocket") or mounted:
            await self.app(scope, receive, send)
            return
        request = RequestState(scope, runtime.clock.now_ns(), runtime.settings)
        token = current_request.set(request)

        async def send_and_finish(message: Message) -> None:
            if message["type"] == "http.response.start" and not request.answered:
                request.answered = True
                request.answer_status = message["status"]
                safely("ending an activity", _answered, runtime, request, message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_finish)
        except BaseException as error:
            if not request.answered:
                request.answered = True
                safely("ending an activity", _raised, runtime, request, error)
            raise
        finally:
            if not request.answered and request.waiting is not None:
                safely("ending an activity", runtime.finish, request.waiting)
            current_request.reset(token)

    async def _check_before_start(self, runtime: Runtime, receive: Receive, send: Send) -> None:
        """Stop the start, before a request can meet it, where a name is unknown or a decorator stands wrong."""
        try:
            resolve_all(runtime.catalogue)
            if self._check is not None:
                self._check()
        except PreludeError as error:
            # A server takes a bare exception here for an application without lifespan, and serves all the same.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        safely("starting to send", runtime.sink.start)


def _answered(runtime: Runtime, request: RequestState, status: int) -> None:
    if request.waiting is not None:
        runtime.finish(request.waiting, status)
    elif status != _METHOD_NOT_ALLOWED and (kind := _refused(runtime, request)) is not None:
        _refuse(runtime, request, kind, status, None)


def _raised(runtime: Runtime, request: RequestState, error: BaseException) -> None:
    event = request.waiting
    if event is not None:
        if event.status not in (ERROR, TIMEOUT):
            fail(event, error)  # the handler returned, and its result could not be sent
        runtime.finish(event)
    elif (kind := _refused(runtime, request)) is not None:
        _refuse(runtime, request, kind, None, error)


def _refused(runtime: Runtime, request: RequestState) -> Activity | None:
    """The endpoint's activity, where the handler never ran."""
    if request.handler_ran or request.scope["type"] != "http" or not request.matched_method():
        return None
    site = getattr(request.scope.get("endpoint"), SITE, None)
    return site.resolve(runtime.catalogue)[0] if site is not None else None


def _refuse(
    runtime: Runtime, request: RequestState, kind: Activity, status: int | None, error: BaseException | None
) -> None:
    event = runtime.fact(kind, request.started_ns)
    event.handler_ran = False
    if error is not None:
        fail(event, error)
    elif status is not None and not _answered_well(status):
        event.status = ERROR
        event.error_type = str(status)
        event.http_status = status
    declared = {*kind.fields, kind.entity_id}
    event.take({name: value for name, value in request.scope.get("path_params", {}).items() if name in declared})
    runtime.finish(event, status)


def _answered_well(status: int) -> bool:
    """True where a cache before the handler has answered; a redirect, to the login as a rule, is a refusal."""
    return status < 300 or status == 304  # noqa: PLR2004 (HTTP's own numbers)
