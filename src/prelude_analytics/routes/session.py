"""A token becomes a browser's cookie, and ends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, SecretStr

from prelude_analytics.access import Caller, Calls, Role, cookies, may_rank
from prelude_analytics.access.access import CHALLENGE, Access
from prelude_analytics.access.sign_ins import signed_in, signing_in
from prelude_analytics.access.tokens import read_token
from prelude_analytics.problems import Problem

__all__ = ["router"]

_ROUTE: Final = "/session"
router = APIRouter(tags=["session"])


class SignIn(BaseModel):
    """What signing in takes."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr


class SignedIn(BaseModel):
    """Who is signed in."""

    role: Role
    user: str | None
    expires_at: datetime | None
    named_rankings: bool


@router.post(_ROUTE, status_code=201)
async def sign_in(request: Request, response: Response, given: Annotated[SignIn, Body()]) -> SignedIn:
    """Exchange a token for a cookie, which browsers send by themselves and scripts can't read."""
    access: Access = request.app.state.access
    shown = read_token(given.token.get_secret_value().strip())
    with signing_in(request, _ROUTE, shown):
        caller = await access.of_token(shown, request.client.host if request.client else "")
        access.count(caller)
        begun = await access.credentials.begin_session(caller)
        if begun is None:
            raise Problem(401, "Credential refused", "this token has just ended", headers=CHALLENGE)
    signed_in(request, _ROUTE, caller)
    value, ends = begun
    response.headers["set-cookie"] = cookies.made(value, request.url.hostname or "", ends)
    response.headers["cache-control"] = "no-store"
    return _session(request, caller, ends)


@router.get(_ROUTE)
async def show_session(request: Request, response: Response, caller: Calls) -> SignedIn:
    """Tell who is signed in, and what that opens."""
    response.headers["cache-control"] = "no-store"
    return _session(request, caller, caller.expires_at)


@router.delete(_ROUTE, status_code=204)
async def sign_out(request: Request, caller: Calls) -> Response:
    """End the session of the cookie, at once and for its open sockets, too."""
    if caller.session_id is None:
        said = "this request came with a token, and belongs to no session; a token is ended by prelude token revoke"
        raise Problem(409, "No session", said)
    access: Access = request.app.state.access
    await access.credentials.end_session(caller.session_id)
    return Response(status_code=204, headers={"set-cookie": cookies.cleared(request.url.hostname or "")})


def _session(request: Request, caller: Caller, ends: datetime | None) -> SignedIn:
    rankings = may_rank(caller, request.app.state.settings)
    return SignedIn(role=caller.role, user=caller.user_email, expires_at=ends, named_rankings=rankings)
