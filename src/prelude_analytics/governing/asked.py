"""What routes and forms ask of the office, from what was sent to what is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prelude_analytics.governing import shapes
from prelude_analytics.governing.export import handed_out
from prelude_analytics.governing.office import EXPORTS, refusing
from prelude_analytics.governing.state import now_of
from prelude_analytics.parameters import ParameterError
from prelude_store.governance import deeds, holds, receipts, requests
from prelude_store.governance.proposals import Proposal
from prelude_store.mentions.address import AddressError
from prelude_store.mentions.person import Person, person_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import StreamingResponse

    from prelude_analytics.access import Caller
    from prelude_analytics.governing import bodies
    from prelude_analytics.governing.office import Office
    from prelude_store.connection import Connection

__all__ = [
    "add_hold",
    "carry_out",
    "extend",
    "one_receipt",
    "one_request",
    "open_request",
    "release_hold",
    "remove_policy",
    "set_policy",
]


async def open_request(office: Office, caller: Caller, body: bodies.RequestBody) -> int:
    """Take a request in; gives its number. Errors as those of `Office`, here and below."""
    new = None if body.new_user_email is None else _address("new_user_email", body.new_user_email)
    wanted = requests.Wanted(
        body.kind, _address("user_email", body.user_email), body.received_at or datetime.now(UTC), new, body.note
    )
    return await office.act(caller, lambda on, lane, who: requests.open_request(on, lane, who.actor, wanted))


async def extend(office: Office, caller: Caller, number: int, body: bodies.ExtendBody) -> None:
    """Put its deadline off."""
    await office.act(
        caller, lambda on, lane, who: requests.extend(on, lane, who.actor, number, body.months, body.reason)
    )


async def one_request(office: Office, number: int) -> shapes.RequestShown:
    """A request, with how far it has come."""

    def look(connection: Connection) -> shapes.RequestShown:
        found = requests.request(connection, number)
        return shapes.request_shown(found, now_of(connection), office.jobs.progress(number))

    return await office.look(look)


async def one_receipt(office: Office, number: int) -> shapes.ReceiptShown:
    """A receipt."""
    return shapes.receipt_shown(await office.look(lambda connection: receipts.receipt(connection, number)))


async def carry_out(
    office: Office, request: Request, caller: Caller, number: int, kind: str, body: bodies.CarryOutBody
) -> shapes.Decided | StreamingResponse:
    """Do what a request of `kind` asks for: a zip, or what has begun; for who asks by the HTTP `request`."""
    email = _address("user_email", body.user_email).email
    if kind in EXPORTS:
        return await handed_out(office, request.app.state.database, caller, number, email, request.is_disconnected)
    return _decided(await office.change(caller, number, email, body.reason), done=False)


async def set_policy(office: Office, caller: Caller, body: bodies.PolicyBody) -> shapes.Decided:
    """Set a policy, or propose it."""
    with refusing():
        deed = deeds.policy(
            body.action_type, body.action_name, body.cls, body.keep, by_week=body.by_week, reason=body.reason
        )
    return _decided(await office.decide(caller, deed))


async def remove_policy(
    office: Office,
    caller: Caller,
    action_type: str | None,
    action_name: str | None,
    cls: str | None,
    reason: str | None,
) -> shapes.Decided:
    """Remove a policy, or propose it."""
    with refusing():
        deed = deeds.policy_removal(action_type, action_name, cls, reason)
    return _decided(await office.decide(caller, deed))


async def add_hold(office: Office, caller: Caller, body: bodies.HoldBody) -> shapes.Decided:
    """Hold something, or propose it."""
    user = None if body.user_email is None else _address("user_email", body.user_email).email
    wanted = holds.Wanted(body.reason, user, body.entity_type, body.entity_id, body.since, body.until, body.ends_at)
    return _decided(await office.decide(caller, deeds.hold(wanted)))


async def release_hold(office: Office, caller: Caller, number: int, reason: str) -> shapes.Decided:
    """Let a hold go, or propose it."""
    return _decided(await office.decide(caller, deeds.release(number, reason)))


def _decided(found: int | Proposal | None, *, done: bool = True) -> shapes.Decided:
    """What became of a deed; `done`: whether it is, where it is no proposal."""
    if isinstance(found, Proposal):
        return shapes.Decided(done=False, proposal=shapes.proposal_shown(found))
    return shapes.Decided(done=done, hold=found)


def _address(parameter: str, given: str) -> Person:
    try:
        return person_of(given)
    except AddressError as error:
        raise ParameterError(parameter, given, str(error)) from None
