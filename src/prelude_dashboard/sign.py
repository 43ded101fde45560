"""Signing in and out, by forms that work without scripts."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from prelude_analytics.access import Calls, cookies
from prelude_analytics.access.access import Access
from prelude_analytics.access.sign_ins import signed_in, signing_in
from prelude_analytics.access.tokens import read_token
from prelude_analytics.problems import Problem, problem_of, request_id
from prelude_dashboard.answer import page, redirect, same_place
from prelude_dashboard.drawing import draw
from prelude_dashboard.forms import fields
from prelude_dashboard.state import ROOT
from prelude_otel.errors import PreludeError

__all__ = ["PATH", "router"]

PATH: Final = "/sign-in"
router = APIRouter()


@router.get(PATH)
async def sign_in_form(request: Request) -> Response:
    """The form that takes a token."""
    return _form(request, request.query_params.get("next", ROOT), None)


@router.post(PATH)
async def sign_in(request: Request) -> Response:
    """Exchange the form's token for a cookie, and go on to where one wanted to go."""
    following = ROOT
    try:
        _refuse_foreign(request)
        given = await fields(request, "a token is not that long")
        following = same_place(given.get("next", ROOT), ROOT)
        access: Access = request.app.state.access
        client = request.client
        shown = read_token(given.get("token", "").strip())
        with signing_in(request, f"{ROOT}{PATH}", shown):
            caller = await access.of_token(shown, client.host if client else "")
            access.count(caller)
            begun = await access.credentials.begin_session(caller)
            if begun is None:
                raise Problem(401, "Credential refused", "this token has just ended")
        signed_in(request, f"{ROOT}{PATH}", caller)
    except PreludeError as error:
        return _form(request, following, problem_of(error, request.scope))
    value, ends = begun
    return redirect(following, {"set-cookie": cookies.made(value, request.url.hostname or "", ends)})


@router.post("/sign-out")
async def sign_out(request: Request, caller: Calls) -> Response:
    """End the session. The gate has seen that a page of ours asks for it."""
    access: Access = request.app.state.access
    if caller.session_id is not None:
        await access.credentials.end_session(caller.session_id)
    return redirect(f"{ROOT}{PATH}", {"set-cookie": cookies.cleared(request.url.hostname or "")})


def _refuse_foreign(request: Request) -> None:
    """Another site must not sign anybody in here, under its own token; the gate has refused foreign origins already."""
    if request.headers.get("origin") is None and request.headers.get("sec-fetch-site") != "same-origin":
        raise Problem(
            403,
            "Origin needed",
            "this form is sent by the sign-in page itself; programs use POST /api/analytics/session",
        )


def _form(request: Request, following: str, problem: Problem | None) -> Response:
    shown = {"next": same_place(following, ROOT), "problem": problem, "request_id": request_id(request.scope)}
    html = draw("sign_in.html", request, caller=None, **shown)
    headers = {"cache-control": "no-store"} | (problem.headers if problem else {})
    return page(html, request.headers, problem.status if problem else 200, headers)
