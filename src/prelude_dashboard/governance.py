"""What the screen of governance does: forms that work without scripts. The gate has seen that a page of ours sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from prelude_analytics.access.audit import describe
from prelude_analytics.access.caller import Calls, governs
from prelude_analytics.governing import asked, bodies
from prelude_analytics.governing.office import Offices
from prelude_analytics.problems import invalid, problem_of
from prelude_analytics.routes.governance import Number
from prelude_dashboard.answer import SECURITY, redirect
from prelude_dashboard.forms import fields
from prelude_dashboard.state import State
from prelude_dashboard.trouble import trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from prelude_analytics.governing.shapes import Decided

__all__ = ["PATH", "router"]

PATH: Final = "/governance"
router = APIRouter(prefix=PATH)
_Body = TypeVar("_Body", bound=BaseModel)


@router.post("/requests")
async def open_request(request: Request, caller: Calls, office: Offices) -> Response:
    """Take a request in."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.RequestBody, await _dated(request, "received_at"))
        describe(request.scope, kind=body.kind)
        return _back("opened", open=await asked.open_request(office, caller, body))

    return await _done(request, work())


@router.post("/requests/{number}/extend")
async def extend_request(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Take more time."""

    async def work() -> Response:
        governs(caller)
        given: dict[str, Any] = await fields(request)
        if str(given.get("months")).isdecimal():
            given["months"] = int(given["months"])
        await asked.extend(office, caller, number, _read(bodies.ExtendBody, given))
        return _back("extended", open=number)

    return await _done(request, work())


@router.post("/requests/{number}/close")
async def close_request(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """End a request by hand."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.CloseBody, await fields(request))
        await office.close(caller, number, body.outcome, body.reason)
        return _back("closed", open=number)

    return await _done(request, work())


@router.post("/requests/{number}/carry-out")
async def carry_out_request(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Do what a request asks for; an access is answered with the zip."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.CarryOutBody, await fields(request))
        found = await asked.one_request(office, number)
        describe(request.scope, kind=found.kind)
        done = await asked.carry_out(office, request, caller, number, found.kind, body)
        return done if isinstance(done, Response) else _told(done, "begun", open=number)

    return await _done(request, work())


@router.post("/policies")
async def set_policy(request: Request, caller: Calls, office: Offices) -> Response:
    """Set a policy."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.PolicyBody, _scoped(await fields(request)))
        return _told(await asked.set_policy(office, caller, body), "policy", anchor="retention")

    return await _done(request, work())


@router.post("/policies/remove")
async def remove_policy(request: Request, caller: Calls, office: Offices) -> Response:
    """Remove a policy."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.PolicyBody, _scoped(await fields(request)) | {"keep": "forever"})
        done = await asked.remove_policy(office, caller, body.action_type, body.action_name, body.cls, body.reason)
        return _told(done, "no-policy", anchor="retention")

    return await _done(request, work())


@router.post("/holds")
async def add_hold(request: Request, caller: Calls, office: Offices) -> Response:
    """Hold something."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.HoldBody, await _dated(request, "since", "until", "ends_at"))
        return _told(await asked.add_hold(office, caller, body), "held", anchor="holds")

    return await _done(request, work())


@router.post("/holds/{number}/release")
async def release_hold(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Let a hold go."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.RefuseBody, await fields(request))
        return _told(await asked.release_hold(office, caller, number, body.reason or ""), "released", anchor="holds")

    return await _done(request, work())


@router.post("/proposals/{number}/consent")
async def consent(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Consent to a proposal."""

    async def work() -> Response:
        governs(caller)
        found = await office.consent(caller, number)
        return _back("consented", open=found.request_id)

    return await _done(request, work())


@router.post("/proposals/{number}/refuse")
async def refuse(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Refuse a proposal, or withdraw one's own."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.RefuseBody, await fields(request))
        await office.refuse(caller, number, body.reason)
        return _back("refused")

    return await _done(request, work())


@router.get("/receipts/{number}")
async def receipt(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """A receipt, as a file."""

    async def work() -> Response:
        governs(caller)
        kept = await asked.one_receipt(office, number)
        headers = {
            "content-disposition": f'attachment; filename="receipt-{kept.kind}-{number}.json"',
            "cache-control": "no-store",
        }
        return Response(json.dumps(kept.receipt, indent=2) + "\n", 200, SECURITY | headers, "application/json")

    return await _done(request, work())


async def _dated(request: Request, *names: str) -> dict[str, str]:
    """The fields of a form; a day becomes its first moment (UTC)."""
    given = await fields(request)
    for name in names:
        if name in given:
            given[name] = f"{given[name]}T00:00:00Z"
    return given


def _scoped(given: dict[str, str]) -> dict[str, Any]:
    """The fields of a policy: an activity is written as ``type`` or ``type.name``."""
    values: dict[str, Any] = dict(given)
    kind, _, name = values.pop("activity", "").strip().partition(".")
    what = values.pop("what", "rows")
    also = {"action_type": kind or None, "action_name": name or None, "by_week": values.pop("by_week", "") == "on"}
    return values | also | ({} if what == "rows" else {"class": what})


def _read(body: type[_Body], given: dict[str, Any]) -> _Body:
    try:
        return body(**given)
    except ValidationError as error:
        raise invalid([dict(one) for one in error.errors()]) from None


def _told(found: Decided, said: str, anchor: str = "", **state: Any) -> Response:
    return _back("proposed", "proposals") if found.proposal is not None else _back(said, anchor, **state)


def _back(said: str, anchor: str = "", **state: Any) -> Response:
    return redirect(State().url(PATH, said=said, **state) + (f"#{anchor}" if anchor else ""))


async def _done(request: Request, work: Awaitable[Response]) -> Response:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 (problem_of logs what is no one's fault but ours)
        return trouble(request, problem_of(error, request.scope))
