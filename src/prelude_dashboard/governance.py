"""What the screen of governance does: forms that work without scripts. The gate has seen that a page of ours sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from prelude_analytics.access.audit import describe
from prelude_analytics.access.caller import Calls, governs
from prelude_analytics.governing import bodies
from prelude_analytics.governing.export import handed_out
from prelude_analytics.governing.office import EXPORTS, Offices, refusing
from prelude_analytics.problems import invalid, problem_of
from prelude_analytics.routes.governance import Number, address_of, decided
from prelude_dashboard.answer import SECURITY, redirect
from prelude_dashboard.forms import fields
from prelude_dashboard.state import State
from prelude_dashboard.trouble import trouble
from prelude_store.governance import deeds, holds, receipts, requests

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
        new = None if body.new_user_email is None else address_of("new_user_email", body.new_user_email)
        wanted = requests.Wanted(
            body.kind, address_of("user_email", body.user_email), body.received_at or datetime.now(UTC), new, body.note
        )
        number = await office.act(caller, lambda on, lane, who: requests.open_request(on, lane, who.actor, wanted))
        return _back("opened", open=number)

    return await _done(request, work())


@router.post("/requests/{number}/extend")
async def extend_request(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Take more time."""

    async def work() -> Response:
        governs(caller)
        given: dict[str, Any] = await fields(request)
        if str(given.get("months")).isdecimal():
            given["months"] = int(given["months"])
        body = _read(bodies.ExtendBody, given)
        await office.act(
            caller, lambda on, lane, who: requests.extend(on, lane, who.actor, number, body.months, body.reason)
        )
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
        found = await office.look(lambda connection: requests.request(connection, number))
        describe(request.scope, kind=found.kind)
        email = address_of("user_email", body.user_email).email
        if found.kind in EXPORTS:
            return await handed_out(office, request.app.state.database, caller, number, email)
        return _told(decided(await office.change(caller, number, email, body.reason)), "begun", open=number)

    return await _done(request, work())


@router.post("/policies")
async def set_policy(request: Request, caller: Calls, office: Offices) -> Response:
    """Set a policy."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.PolicyBody, _scoped(await fields(request)))
        with refusing():
            deed = deeds.policy(
                body.action_type, body.action_name, body.cls, body.keep, by_week=body.by_week, reason=body.reason
            )
        return _told(decided(await office.decide(caller, deed)), "policy", anchor="retention")

    return await _done(request, work())


@router.post("/policies/remove")
async def remove_policy(request: Request, caller: Calls, office: Offices) -> Response:
    """Remove a policy."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.PolicyBody, _scoped(await fields(request)) | {"keep": "forever"})
        with refusing():
            deed = deeds.policy_removal(body.action_type, body.action_name, body.cls, body.reason)
        return _told(decided(await office.decide(caller, deed)), "no-policy", anchor="retention")

    return await _done(request, work())


@router.post("/holds")
async def add_hold(request: Request, caller: Calls, office: Offices) -> Response:
    """Hold something."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.HoldBody, await _dated(request, "since", "until", "ends_at"))
        user = None if body.user_email is None else address_of("user_email", body.user_email).email
        wanted = holds.Wanted(body.reason, user, body.entity_type, body.entity_id, body.since, body.until, body.ends_at)
        return _told(decided(await office.decide(caller, deeds.hold(wanted))), "held", anchor="holds")

    return await _done(request, work())


@router.post("/holds/{number}/release")
async def release_hold(number: Number, request: Request, caller: Calls, office: Offices) -> Response:
    """Let a hold go."""

    async def work() -> Response:
        governs(caller)
        body = _read(bodies.RefuseBody, await fields(request))
        return _told(
            decided(await office.decide(caller, deeds.release(number, body.reason or ""))), "released", anchor="holds"
        )

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
        kept = await office.look(lambda connection: receipts.receipt(connection, number))
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
