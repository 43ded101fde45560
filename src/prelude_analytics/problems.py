"""What is answered when a request can't be: RFC 9457 problem details, for every error alike."""

from __future__ import annotations

import json
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from prelude_analytics.database import DatabaseUnavailableError, TooMuchError
from prelude_analytics.parameters import ParameterError
from prelude_otel.errors import PreludeError
from prelude_otel.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.types import Scope

__all__ = [
    "MEDIA_TYPE",
    "REQUEST_ID",
    "Problem",
    "ProblemResponse",
    "handle",
    "invalid",
    "problem_of",
    "request_id",
]

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = "prelude.request_id"
_LONGEST_VALUE: Final = 200
_RETRY_AFTER: Final = "2"
_NARROWS: Final = ("user_email", "action_name", "entity_id")
_log = logging.getLogger(__name__)


class Problem(PreludeError):  # noqa: N818 (it is what RFC 9457 calls it)
    """A request can't be answered.

    Args:
        status: HTTP status.
        title: the kind of the problem, the same for each of its kind; its ``type`` is made of it.
        detail: what happened here, with which value, and what to do.
        headers: of the answer, e.g. ``Retry-After``.
        extra: further members of the body, e.g. ``parameter``.
    """

    def __init__(
        self, status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self, scope: Scope) -> bytes:
        """The JSON of the answer to the request of `scope`."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        members = {
            "type": f"urn:prelude:problem:{slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id(scope),
        }
        return json.dumps(members | self.extra, default=str, ensure_ascii=False).encode("utf-8", "backslashreplace")


class ProblemResponse(Response):
    """A `Problem` as an answer."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, scope: Scope) -> None:
        headers = {"cache-control": "no-store"} | problem.headers
        super().__init__(problem.body(scope), problem.status, headers)


def request_id(scope: Scope) -> str:
    """The id of the request, which its answer and the log name; empty where it has none."""
    return str(scope.get(REQUEST_ID, ""))


def invalid(errors: list[dict[str, Any]]) -> Problem:
    """What FastAPI found wrong with a request, as one problem that names the first parameter and lists all."""
    found = [
        {"parameter": _name(error), "value": _shown(error.get("input")), "allowed": _allowed(error)} for error in errors
    ]
    first = found[0]
    if errors[0]["type"] == "missing":
        detail = f"{first['parameter']} is missing"
    else:
        detail = f"{first['parameter']}={first['value']} is not allowed; {first['allowed']}"
    return Problem(422, "Invalid parameter", detail, headers=None, errors=found, **first)


def problem_of(error: Exception, scope: Scope) -> Problem:
    """What `error`, raised while the request of `scope` was served, is answered with; what is a fault or a trouble is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ParameterError):
        found = {"parameter": error.parameter, "value": error.value, "allowed": error.allowed}
        return Problem(422, "Invalid parameter", str(error), headers=None, **found)
    if isinstance(error, DatabaseUnavailableError):
        _log.warning("%s: %s", request_id(scope), error)
        said = "the database does not answer at present; this service recovers by itself as soon as it does"
        return Problem(503, "Database away", said, headers={"retry-after": _RETRY_AFTER})
    if isinstance(error, TooMuchError):
        said = (
            "answering this took too long and was given up; ask for a shorter time (days, or from and to), "
            f"or narrow it by {', '.join(_NARROWS)}"
        )
        return Problem(422, "Too much", said, narrow=["days", "from", "to", *_NARROWS])
    _log.error("%s: %s failed", request_id(scope), scope["path"], exc_info=error)
    return Problem(500, "Internal error", "this is a fault of the service; its log tells more under this request_id")


def handle(app: FastAPI) -> None:
    """Answer every error that a route of `app` raises with a problem."""
    app.add_exception_handler(PreludeError, _raised)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _raised(request: Request, error: Exception) -> Response:
    return _answer(request, problem_of(error, request.scope), error)


async def _invalid(request: Request, error: Exception) -> Response:
    errors: RequestValidationError = error  # type: ignore[assignment]
    return _answer(request, invalid(list(errors.errors())), error)


def _answer(request: HTTPConnection, problem: Problem, error: Exception) -> Response:
    if request.scope["type"] != "http":  # a socket may be open already: the edge knows
        raise problem from error
    return ProblemResponse(problem, request.scope)


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such route, no such method."""
    if request.scope["type"] != "http":
        raise error
    refusal: HTTPException = error  # type: ignore[assignment]
    if refusal.status_code == HTTPStatus.BAD_REQUEST:  # of all parts of a request, the framework reads the body alone
        allowed = "it is JSON in UTF-8"
        return ProblemResponse(
            problem_of(ParameterError("body", "(what can't be read)", allowed), request.scope), request.scope
        )
    phrase = HTTPStatus(refusal.status_code).phrase
    asked = f"{request.method} {request.url.path}"
    said = {
        404: f"there is no {asked}; /api/analytics/openapi.json lists what there is",
        405: f"{asked} is not possible; the header Allow says what is",
    }
    detail = said.get(refusal.status_code, str(refusal.detail))
    headers = dict(refusal.headers or {})
    return ProblemResponse(Problem(refusal.status_code, phrase, detail, headers=headers), request.scope)


def _name(error: Mapping[str, Any]) -> str:
    where = [str(part) for part in error["loc"]]
    return ".".join(where[1:]) or where[0]


def _allowed(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such parameter here"
    said = str(error["msg"]).removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


def _shown(value: Any) -> str:
    text = masked(value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
