"""OTLP over HTTP, and what operators ask for: an ASGI application."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from prelude_exporter import answers
from prelude_exporter.decode import MalformedRequestError
from prelude_exporter.http_body import TooLargeError, UnsupportedEncodingError, read_body
from prelude_exporter.intake import RETRY_AFTER, Intake, NotNowError, Signal
from prelude_exporter.metrics import CONTENT_TYPE, Metrics
from prelude_exporter.otlp_json import to_protobuf
from prelude_exporter.readiness import Readiness
from prelude_exporter.sender import Sender

__all__ = ["HttpApp"]

_log = logging.getLogger(__name__)
_PATHS: Final[dict[str, Signal]] = {"/v1/logs": "logs", "/v1/traces": "traces"}
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"

Headers = Iterable[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class _Refusal(Exception):  # noqa: N818 (an answer, not a failure of ours)
    def __init__(self, http_status: int, message: str, outcome: str = "malformed", headers: Headers = ()) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.outcome = outcome
        self.headers = headers


class HttpApp:
    """``POST /v1/logs`` and ``/v1/traces``; ``GET /healthz``, ``/readyz`` and ``/metrics``.

    Args:
        max_request_bytes: of one request, inflated.
    """

    def __init__(self, intake: Intake, metrics: Metrics, readiness: Readiness, max_request_bytes: int) -> None:
        self._intake = intake
        self._metrics = metrics
        self._readiness = readiness
        self._max_request_bytes = max_request_bytes

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
            await _send(send, 200, self._metrics.text(), CONTENT_TYPE)
        else:
            why_not = self._readiness.why_not
            body = json.dumps({"ready": why_not is None, "why_not": why_not}).encode()
            await _send(send, 200 if why_not is None else 503, body, _JSON)

    async def _export(self, signal: Signal, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        answer_type = _JSON if content_type == _JSON else _PROTOBUF
        try:
            sender = Sender((scope.get("client") or ("",))[0])
            body = await self._answer(signal, scope["method"], content_type, headers, receive, sender)
            http_status, outcome, extra = 200, "ok", ()
        except _Refusal as refusal:
            http_status, outcome, extra = refusal.http_status, refusal.outcome, refusal.headers  # type: ignore[assignment]
            code = answers.UNAVAILABLE if outcome == "unavailable" else answers.INVALID_ARGUMENT
            body = answers.status(code, str(refusal))
        self._metrics.requests.labels("http", signal, outcome).inc()
        encoded = answers.as_json(body) if answer_type == _JSON else body.SerializeToString()
        await _send(send, http_status, encoded, answer_type, extra)

    async def _answer(
        self,
        signal: Signal,
        method: str,
        content_type: str,
        headers: dict[bytes, str],
        receive: Receive,
        sender: Sender,
    ) -> Any:
        if method != "POST":
            raise _Refusal(405, "POST is allowed here", headers=[(b"allow", b"POST")])
        if content_type not in (_PROTOBUF, _JSON):
            raise _Refusal(415, f"content type {content_type!r} is neither {_PROTOBUF} nor {_JSON}")
        try:
            encoding = headers.get(b"content-encoding", "")
            request = await read_body(receive, encoding, self._max_request_bytes, self._intake.admit)
            if content_type == _JSON:
                request = to_protobuf(signal, request)
            return answers.success(signal, await self._intake.accept(signal, request, sender))
        except TooLargeError as error:
            raise _Refusal(413, str(error)) from error
        except UnsupportedEncodingError as error:
            raise _Refusal(415, str(error)) from error
        except MalformedRequestError as error:
            raise _Refusal(400, str(error)) from error
        except NotNowError as error:
            raise _not_now(str(error)) from error
        except Exception as error:
            # 500 makes the Collector throw the batch away.
            _log.exception("a request failed in an unforeseen way")
            raise _not_now("the exporter failed in an unforeseen way") from error


def _not_now(message: str) -> _Refusal:
    return _Refusal(503, message, "unavailable", [(b"retry-after", str(RETRY_AFTER).encode())])


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
