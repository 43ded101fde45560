"""The page that is shown instead of one that can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prelude_analytics.access.caller import CALLER
from prelude_analytics.problems import request_id
from prelude_dashboard.answer import page
from prelude_dashboard.drawing import draw

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from prelude_analytics.problems import Problem

__all__ = ["trouble"]


def trouble(request: Request, problem: Problem) -> Response:
    """What `problem` says, with the id of the request."""
    signed_in = request.scope.get(CALLER) is not None
    html = draw(
        "problem.html", request, problem=problem, request_id=request_id(request.scope), caller=None, signed_in=signed_in
    )
    return page(html, request.headers, problem.status, {"cache-control": "no-store"} | problem.headers)
