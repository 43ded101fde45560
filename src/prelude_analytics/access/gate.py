"""The one way in: what no credential opens is refused here, before any route runs. Requests and sockets alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote_plus

from starlette.datastructures import Headers

from prelude_analytics.access import cookies
from prelude_analytics.access.access import CHALLENGE, Access
from prelude_analytics.access.audit import BROKEN_OFF
from prelude_analytics.access.caller import CALLER, Caller
from prelude_analytics.access.origins import host_name, is_allowed, is_own
from prelude_analytics.access.oversight import Oversight
from prelude_analytics.access.tokens import holds_token, read_cookie, read_token
from prelude_analytics.bodies import MOST_BYTES, Body
from prelude_analytics.edge import route_of
from prelude_analytics.parameters import ParameterError
from prelude_analytics.problems import Problem, ProblemResponse, problem_of
from prelude_analytics.settings import is_loopback
from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from prelude_analytics.access.audit import Recorder
    from prelude_analytics.pages import Pages
    from prelude_analytics.settings import Settings

__all__ = ["Gate"]

_PROBES: Final = frozenset({"/healthz", "/readyz"})
"""For whoever runs the service, by whatever name: they say nothing of anybody."""
_METRICS: Final = "/metrics"
_SECRETS: Final = frozenset({"token", "access_token", "api_key", "apikey", "authorization", "bearer", "password"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXIED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers that say that a request came from somewhere else than its connection."""


class Gate:
    """ASGI middleware.

    Args:
        app: what it guards.
        settings: of the process.
        access: who judges credentials.
        prefix: of the API.
        recorder: told of what was let through.
        pages: beside the API.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        access: Access,
        prefix: str,
        recorder: Recorder | None,
        pages: tuple[Pages, ...] = (),
    ) -> None:
        self._app = app
        self._access = access
        self._prefix = prefix
        self._sign_in = f"{prefix}/session"
        self._recorder = recorder
        self._pages = pages
        self._allowed = tuple(name.lower() for name in (*settings.allowed_hosts, settings.host))
        self._open_metrics = settings.loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in or refuse."""
        if scope["type"] == "lifespan" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http":
            receive = Body(receive).receive
        try:
            caller = await self._enter(scope, Headers(scope=scope))
        except PreludeError as error:
            pages = self._page_of(scope)
            refusal = pages.refused(error, scope) if pages else ProblemResponse(problem_of(error, scope), scope)
            await refusal(scope, receive, send)
            return
        if caller is None:
            await self._app(scope, receive, send)
            return
        scope[CALLER] = caller
        oversight = Oversight(scope, receive, send, lambda status: self._record(scope, caller, status))
        undo = self._access.validity.on_revoked(caller, oversight.end)
        try:
            await self._app(scope, oversight.receive, oversight.send)
        except asyncio.CancelledError:
            if not oversight.cancelled():
                raise
        except Problem as refused:  # of a socket, which the edge answers
            self._record(scope, caller, refused.status)
            raise
        finally:
            undo()
            if oversight.broken_off:
                self._record(scope, caller, BROKEN_OFF)

    async def _enter(self, scope: Scope, headers: Headers) -> Caller | None:
        """The caller; None where this path needs none.

        Raises:
            Problem: refused.
            DatabaseUnavailableError: nobody can say.
        """
        host = self._host(headers)
        origin = headers.get("origin")
        if origin is not None and not is_own(origin, headers["host"]):
            said = f"a page at {origin} may not ask this service; only pages that it serves itself may"
            raise Problem(403, "Foreign origin", said)
        _refuse_secrets(scope)
        _refuse_large(headers)
        method = scope.get("method", "GET")
        metrics = scope["path"] == _METRICS
        if (scope["path"] == self._sign_in and method == "POST") or (metrics and self._is_local(host, headers)):
            return None
        pages = self._page_of(scope)
        if pages and pages.is_open(scope["path"]):
            return None
        client = scope.get("client")
        address = client[0] if client else ""
        authorization = headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            shown = read_token(token.strip()) if scheme.lower() == "bearer" else None
            caller = await self._access.of_token(shown, address)
        else:
            value = cookies.given(headers.get("cookie", ""), host)
            if value is None:
                said = "this needs a token: send the header Authorization: Bearer TOKEN; prelude token create makes one"
                raise Problem(401, "Credential needed", said, headers=CHALLENGE)
            _refuse_forged(scope, method, origin, headers)
            caller = await self._access.of_session(read_cookie(value), address)
        self._access.count(caller)
        if metrics and caller.role == "self":
            raise Problem(403, "Not yours", "the figures of the process need a token with the role all or govern")
        _refuse_repeated(scope)
        return caller

    def _is_local(self, host: str, headers: Headers) -> bool:
        """Whether the request comes from this machine itself, and not through a proxy on it."""
        return self._open_metrics and is_loopback(host) and not any(name in headers for name in _PROXIED)

    def _page_of(self, scope: Scope) -> Pages | None:
        """Whose page is asked for; None: none."""
        path = scope["path"]
        mine = (each for each in self._pages if path == each.prefix or path.startswith(f"{each.prefix}/"))
        return next(mine, None) if scope["type"] == "http" else None

    def _host(self, headers: Headers) -> str:
        given = headers.getlist("host")
        name = host_name(given[0]) if len(given) == 1 else None
        if name is None or not is_allowed(name, self._allowed):
            shown = given[0] if given else ""
            said = (
                f"this service is not known as {shown!r}; where that is its name, start it with --allowed-host "
                "(PRELUDE_ALLOWED_HOSTS), else somebody led you here"
            )
            raise Problem(421, "Unknown host", said)
        return name

    def _record(self, scope: Scope, caller: Caller, status: int) -> None:
        if self._recorder is None:
            return
        route = route_of(scope)
        if route == "none":  # the framework's own, such as the description of the API
            route = scope["path"]
        self._recorder(scope, route.removeprefix(self._prefix), caller, status)


def _refuse_secrets(scope: Scope) -> None:
    """No credential in an address: those end in logs, histories and headers to other sites."""
    query = scope["query_string"].decode("latin-1")
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name.lower() in _SECRETS:
            raise _in_address(f"the query parameter {name}", parameter=name)
    if holds_token(unquote_plus(query)) or holds_token(scope["path"]):
        raise _in_address("a token in an address")


def _in_address(what: str, **extra: str) -> Problem:
    said = (
        f"{what} is refused: addresses end in logs; send the header Authorization: Bearer TOKEN, "
        "and if this was a real token, revoke it (prelude token revoke)"
    )
    return Problem(400, "Credential in the address", said, headers=None, **extra)


def _refuse_large(headers: Headers) -> None:
    """No body is read that says itself that it is too large."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
        raise Problem(413, "Content Too Large", f"a body has at most {MOST_BYTES} bytes here", bound=MOST_BYTES)


def _refuse_repeated(scope: Scope) -> None:
    """No parameter stands twice: one of the two would be ignored."""
    seen = set()
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in seen:
            raise ParameterError(name, value, "it is given once")
        seen.add(name)


def _refuse_forged(scope: Scope, method: str, origin: str | None, headers: Headers) -> None:
    """A cookie comes along whoever made the browser send the request: what changes something must show that it was a page of ours."""
    if method in _SAFE and scope["type"] == "http":
        return
    if origin is None and headers.get("sec-fetch-site") != "same-origin":
        said = (
            "with a cookie this needs the header Origin, as browsers send it; programs send Authorization: Bearer TOKEN"
        )
        raise Problem(403, "Origin needed", said)
