"""The page that is shown instead of one that can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_analytics.access.caller import CALLER
from prelude_analytics.problems import request_id
from prelude_analytics.sources import TOO_MUCH
from prelude_dashboard.answer import asked_for, page
from prelude_dashboard.drawing import draw
from prelude_dashboard.state import ROOT, State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from prelude_analytics.problems import Problem

__all__ = ["trouble"]

_LATER: Final = (429, 500, 502, 503, 504)
"""What may go well another time."""
_SHORTER: Final = 7
"""Days of the range that is offered instead of one that was too much."""


def trouble(request: Request, problem: Problem) -> Response:
    """What `problem` says, with the id of the request and the ways on: once more, a shorter range, the overview."""
    ways = {
        "signed_in": request.scope.get(CALLER) is not None,
        "again": asked_for(request.scope) if request.method == "GET" and problem.status in _LATER else None,
        "shorter": _shorter(request) if problem.title == TOO_MUCH else None,
        "days": _SHORTER,
    }
    html = draw("problem.html", request, problem=problem, request_id=request_id(request.scope), caller=None, **ways)
    return page(html, request.headers, problem.status, {"cache-control": "no-store"} | problem.headers)


def _shorter(request: Request) -> str | None:
    """The same page of a few days; None where it is one of so few already."""
    state = State.of(request.query_params.multi_items())
    days = state["days"] or ""
    if days.isdecimal() and int(days) <= _SHORTER:
        return None
    return state.url(request.url.path.removeprefix(ROOT), days=_SHORTER)
