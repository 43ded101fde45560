"""What one HTTP request knows of its user: a mutable holder, so that what a sync dependency sets, the handler sees."""

from __future__ import annotations

import hmac
from collections.abc import MutableMapping
from contextvars import ContextVar
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, Final

from prelude_otel import problems
from prelude_otel.contract.email import normalise_email
from prelude_otel.contract.text import well_formed

if TYPE_CHECKING:
    from prelude_otel.settings import Settings, UserFunction

__all__ = ["RequestState", "current_request", "hash_cookie", "set_user", "worker_user"]

Scope = MutableMapping[str, Any]
MAX_SESSION_ID: Final = 128
MAX_USER_AGENT: Final = 512

current_request: ContextVar[RequestState | None] = ContextVar("prelude_request", default=None)
worker_user: ContextVar[tuple[str | None, str | None]] = ContextVar("prelude_user", default=(None, None))


def set_user(email: str | None, session_id: str | None = None) -> None:
    """Say who acts from here on: in a dependency, a middleware or a worker.

    Args:
        email: the user's address; trimmed and lowered. None: nobody that is known.
        session_id: id of the session; None leaves the one that the request brought.
    """
    try:
        address = normalise_email(email) if email else None
        request = current_request.get()
        if request is None:
            worker_user.set((address, _capped(session_id)))
            return
        request.user_email = address
        request.user_given = True
        if session_id is not None:
            request.session_id = _capped(session_id)
    except Exception as error:  # noqa: BLE001 (never the caller's problem)
        problems.report("set_user", error)


class RequestState:
    """The holder of one request. Everything that costs is read from the scope when an activity first asks for it.

    Args:
        scope: the ASGI scope; FastAPI writes endpoint and route into it later.
        started_ns: when the request came, in nanoseconds since the epoch.
        settings: of the runtime that serves it.
    """

    __slots__ = (
        "answer_status",
        "answered",
        "handler_ran",
        "scope",
        "session_id",
        "settings",
        "started_ns",
        "user_email",
        "user_given",
        "waiting",
    )

    def __init__(self, scope: Scope, started_ns: int, settings: Settings) -> None:
        self.scope = scope
        self.settings = settings
        self.started_ns = started_ns
        self.user_email: str | None = None
        self.user_given = False
        self.session_id: str | None = None
        self.waiting: Any = None
        """The endpoint's `ActivityEvent`, which ends when the response starts; the holder need not know what it is."""
        self.handler_ran = False
        self.answered = False
        self.answer_status: int | None = None
        """The status of the answer, once it has started."""

    def user(self) -> tuple[str | None, str | None]:
        """Address and session of the user: what somebody has set, else what the settings say where to find."""
        settings = self.settings
        if settings.user is not None and not self.user_given:
            self._ask_user(settings.user)
        if self.session_id is None:
            self.session_id = self._default_session_id()
        return self.user_email, self.session_id

    def _ask_user(self, function: UserFunction) -> None:
        from starlette.requests import HTTPConnection, Request

        kind = Request if self.scope["type"] == "http" else HTTPConnection
        self.user_given = True  # asked once for a request, whatever it gives
        try:
            user = function(kind(self.scope))
            email, session_id = user if isinstance(user, tuple) else (user, None)
            self.user_email = normalise_email(email) if email else None
            self.session_id = _capped(session_id) or self.session_id
        except Exception as error:  # noqa: BLE001 (a function of the application's, which may give anything)
            problems.report(
                "the function given as instrument(user=…), which must give an address, a pair or None", error
            )

    def header(self, name: bytes) -> str | None:
        """The first header called `name` (lower case), decoded as Latin-1."""
        for key, value in self.scope.get("headers", ()):
            if key == name:
                return str(value, "latin-1")
        return None

    def _default_session_id(self) -> str | None:
        settings = self.settings
        given = self.header(settings.session_header)
        if given:
            return _capped(given)
        cookies = self.header(b"cookie")
        if cookies and settings.session_cookie in cookies:
            for part in cookies.split(";"):
                name, _, value = part.strip().partition("=")
                if name == settings.session_cookie and value:
                    return hash_cookie(value, settings.session_key)
        return None

    def client_address(self) -> str | None:
        """The client's address; X-Forwarded-For counts only where it came through trusted proxies."""
        trusted = self.settings.trusted_proxies
        client = self.scope.get("client")
        peer: str | None = client[0] if client else None
        if not trusted or peer is None or not _within(peer, trusted):
            return peer
        for hop in reversed(self._forwarded()):
            if not _is_address(hop):
                break
            peer = hop
            if not _within(peer, trusted):
                break
        return peer

    def _forwarded(self) -> list[str]:
        """The hops of X-Forwarded-For, of all its lines: a proxy may append a line of its own below the client's."""
        lines = [str(value, "latin-1") for key, value in self.scope.get("headers", ()) if key == b"x-forwarded-for"]
        return [hop.strip() for hop in ",".join(lines).split(",")]

    def user_agent(self) -> str | None:
        """The User-Agent header, cut to 512 characters."""
        agent = self.header(b"user-agent")
        return agent[:MAX_USER_AGENT] if agent else None

    def route(self) -> str | None:
        """The template of the matched route, with the prefixes of routers and mounts."""
        scope = self.scope
        context = (scope.get("fastapi") or {}).get("effective_route_context")  # private to FastAPI, hence the fallback
        path = getattr(context, "path", None) or getattr(scope.get("route"), "path", None)
        if path is None:
            return None
        root: str = scope.get("root_path", "")
        if not scope["path"].startswith(
            root
        ):  # a proxy has taken off what the application calls its root; a mount is left
            root = root.removeprefix(scope.get("app_root_path", root))
        return root + str(path)

    def matched_method(self) -> bool:
        """False where the path has an endpoint, but not for this method."""
        methods = getattr(self.scope.get("route"), "methods", None)
        return not methods or self.scope.get("method") in methods


def hash_cookie(value: str, key: bytes) -> str:
    """A cookie's value as it is stored: it may be a login credential (ruling 20)."""
    return hmac.digest(key, value.encode("utf-8", "replace"), "sha256").hex()[:32]


def _capped(session_id: object) -> str | None:
    return well_formed(str(session_id)[:MAX_SESSION_ID]) if session_id else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
