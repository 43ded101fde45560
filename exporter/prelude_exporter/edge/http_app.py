"""OTLP over HTTP, and what operators ask for: an ASGI application."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from prelude_exporter.access.gate import Gate, StaleCredentialError, UnauthenticatedError
from prelude_exporter.decoding.otlp_json import to_protobuf
from prelude_exporter.edge import answers
from prelude_exporter.edge.http_body import BodyTooLargeError, UnsupportedEncodingError, read_body
from prelude_exporter.edge.http_protocol import CERTIFICATE_NAMES
from prelude_exporter.edge.intake import RETRY_AFTER, Intake, Signal
from prelude_exporter.edge.refusals import say_refusal
from prelude_exporter.errors import MalformedRequestError, NotNowError, TooLargeError
from prelude_exporter.limits import Limits
from prelude_exporter.sender import Sender
from prelude_exporter.watch.metrics import CONTENT_TYPE, Metrics
from prelude_exporter.watch.readiness import Readiness

__all__ = ["HttpApp"]

_log = logging.getLogger(__name__)
_PATHS: Final[dict[str, Signal]] = {"/v1/logs": "logs", "/v1/traces": "traces"}
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_JSON_SHARE: Final = 4
"""JSON takes several times the memory of protobuf to read, so a request in it may have this part of the bytes."""

Headers = Iterable[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


_CHALLENGE: Final = [(b"www-authenticate", b"Bearer")]
_CODES: Final = {401: answers.UNAUTHENTICATED, 503: answers.UNAVAILABLE}


class _Refusal(Exception):  # noqa: N818 (an answer, not a failure of ours)
    def __init__(self, http_status: int, message: str, outcome: str = "malformed", headers: Headers = ()) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.outcome = outcome
        self.headers = headers


class HttpApp:
    """``POST /v1/logs`` and ``/v1/traces``; ``GET /healthz``, ``/readyz`` and ``/metrics``.

    Args:
        limits: what one request may be.
        gate: asks who it is; nobody is asked without. ``/healthz`` and whether it is ready are told to everybody.
    """

    def __init__(
        self, intake: Intake, metrics: Metrics, readiness: Readiness, limits: Limits, gate: Gate | None = None
    ) -> None:
        self._intake = intake
        self._metrics = metrics
        self._readiness = readiness
        self._limits = limits
        self._gate = gate or Gate()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3. Serves HTTP alone."""
        path, method = scope["path"], scope["method"]
        signal = _PATHS.get(path)
        if signal is not None:
            await self._export(signal, scope, receive, send)
        elif path not in ("/healthz", "/readyz", "/metrics"):
            await _send(send, 404, b"nothing is here; OTLP goes to /v1/logs and /v1/traces\n")
        elif method not in ("GET", "HEAD"):
            await _send(send, 405, b"GET is allowed here\n", headers=[(b"allow", b"GET, HEAD")])
        elif path == "/healthz":
            await _send(send, 200, b"alive\n")
        elif path == "/metrics":
            await self._show_metrics(scope, send)
        else:
            why_not = self._readiness.why_not
            # The reason names hosts and users of the database.
            said = why_not if why_not is None or self._known(scope) else "say who you are to be told"
            body = json.dumps({"ready": why_not is None, "why_not": said}).encode()
            await _send(send, 200 if why_not is None else 503, body, _JSON)

    async def _show_metrics(self, scope: dict[str, Any], send: Send) -> None:
        if self._known(scope):
            await _send(send, 200, self._metrics.text(), CONTENT_TYPE)
        else:
            await _send(send, 401, b"a valid credential is needed\n", headers=_CHALLENGE)

    def _known(self, scope: dict[str, Any]) -> bool:
        if _is_loopback(scope):
            return True
        try:
            self._sender(scope, _headers(scope))
        except (UnauthenticatedError, NotNowError):
            return False
        return True

    def _sender(self, scope: dict[str, Any], headers: dict[bytes, str]) -> Sender:
        address = (scope.get("client") or ("",))[0]
        names = scope.get("state", {}).get(CERTIFICATE_NAMES, ())
        return self._gate.sender(address, headers.get(b"authorization"), names)

    async def _export(self, signal: Signal, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        answer_type = _JSON if content_type == _JSON else _PROTOBUF
        try:
            body = await self._answer(signal, scope, content_type, headers, receive)
            http_status, outcome, extra = 200, "ok", ()
        except _Refusal as refusal:
            http_status, outcome, extra = refusal.http_status, refusal.outcome, refusal.headers  # type: ignore[assignment]
            body = answers.status(_CODES.get(http_status, answers.INVALID_ARGUMENT), str(refusal))
            say_refusal("http", outcome, (scope.get("client") or ("",))[0], str(refusal))
        self._metrics.requests.labels("http", signal, outcome).inc()
        encoded = answers.as_json(body) if answer_type == _JSON else body.SerializeToString()
        await _send(send, http_status, encoded, answer_type, extra)

    async def _answer(
        self, signal: Signal, scope: dict[str, Any], content_type: str, headers: dict[bytes, str], receive: Receive
    ) -> Any:
        try:
            sender = self._sender(scope, headers)
            if scope["method"] != "POST":
                raise _Refusal(405, "POST is allowed here", headers=[(b"allow", b"POST")])
            if content_type not in (_PROTOBUF, _JSON):
                raise _Refusal(415, f"content type {content_type!r} is neither {_PROTOBUF} nor {_JSON}")
            request = await self._read(signal, content_type, headers, receive, sender)
            return answers.success(signal, await self._intake.accept(signal, request, sender))
        except _Refusal:
            raise
        except UnauthenticatedError as error:
            raise _Refusal(401, str(error), "unauthenticated", _CHALLENGE) from error
        except TooLargeError as error:
            raise _Refusal(413, str(error), "too_large") from error
        except UnsupportedEncodingError as error:
            raise _Refusal(415, str(error)) from error
        except MalformedRequestError as error:
            raise _Refusal(400, str(error)) from error
        except NotNowError as error:
            outcome = "stale_credential" if isinstance(error, StaleCredentialError) else "unavailable"
            raise _not_now(str(error), outcome) from error
        except Exception as error:
            # 500 makes the Collector throw the batch away.
            _log.exception("a request failed in an unforeseen way")
            raise _not_now("the exporter failed in an unforeseen way") from error

    async def _read(
        self, signal: Signal, content_type: str, headers: dict[bytes, str], receive: Receive, sender: Sender
    ) -> bytes:
        limit = self._limits.request_bytes // (_JSON_SHARE if content_type == _JSON else 1)
        try:
            with self._intake.room() as take:
                body = await read_body(receive, headers.get(b"content-encoding", ""), limit, take)
        except BodyTooLargeError as error:
            length = headers.get(b"content-length")
            said = f"{error} (Content-Length: {length[:20]})" if length else str(error)
            await self._intake.refuse_for_good(signal, sender, said, error.start)
        return to_protobuf(signal, body) if content_type == _JSON else body


def _headers(scope: dict[str, Any]) -> dict[bytes, str]:
    return {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _is_loopback(scope: dict[str, Any]) -> bool:
    """Whether it comes from this machine, and not by a proxy on it."""
    address = (scope.get("client") or ("",))[0]
    forwarded = any(name in (b"forwarded", b"x-forwarded-for") for name, _ in scope["headers"])
    return not forwarded and (address == "::1" or address.startswith("127."))


def _not_now(message: str, outcome: str = "unavailable") -> _Refusal:
    return _Refusal(503, message, outcome, [(b"retry-after", str(RETRY_AFTER).encode())])


async def _send(
    send: Send, http_status: int, body: bytes, content_type: str = "text/plain; charset=utf-8", headers: Headers = ()
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": http_status,
            "headers": [
                (b"content-type", content_type.encode()),
                (b"content-length", str(len(body)).encode()),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
