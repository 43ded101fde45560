"""The outermost layer: an id for each request, how long each route takes, and an answer to what nobody expected."""

from __future__ import annotations

import time
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from prelude_analytics.problems import REQUEST_ID, ProblemResponse, problem_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from prelude_analytics.metrics import Metrics

__all__ = ["Edge", "route_of"]

_INTERNAL_ERROR: Final = 1011
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Headers of every answer, unless it has the same ones with values of its own, as pages do."""


class Edge:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = given = token_hex(8)
        status, opened = 0, False
        started = time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status, opened
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", given.encode())]
                own = {name.lower() for name, _ in headers}
                message["headers"] = [*headers, *(always for always in _ALWAYS if always[0] not in own)]
            elif message["type"] == "websocket.accept":
                status, opened = 101, True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if status and not opened:
                raise  # the answer has begun, and can only be cut off
            problem = problem_of(error, scope)
            if opened:
                await send({"type": "websocket.close", "code": _INTERNAL_ERROR, "reason": problem.title})
            else:
                await ProblemResponse(problem, scope)(scope, receive, noted)
        finally:
            route = route_of(scope)
            self._metrics.requests.labels(route, str(status)).inc()
            if scope["type"] == "http":
                self._metrics.seconds.labels(route).observe(time.perf_counter() - started)


def route_of(scope: Scope) -> str:
    """The template of the route that serves `scope`; ``none`` where no route does."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(context, "path", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else "none"
