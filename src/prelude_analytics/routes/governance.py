"""Governance: what persons ask for, policies, holds, consent, receipts and acts. For the role ``govern`` alone."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from prelude_analytics.access.audit import describe
from prelude_analytics.access.caller import Governs
from prelude_analytics.governing import asked, lists, shapes
from prelude_analytics.governing.bodies import (
    CarryOutBody,
    CloseBody,
    ExtendBody,
    HoldBody,
    PolicyBody,
    RefuseBody,
    RequestBody,
    plain,
)
from prelude_analytics.governing.office import Offices
from prelude_analytics.governing.state import state
from prelude_analytics.parameters import ParameterError, Parameters
from prelude_otel.contract.vocabulary import ACTION_TYPES

__all__ = ["Number", "router"]

router = APIRouter(prefix="/governance", tags=["governance"])

_MOST_ID: Final = 2**63 - 1
Number = Annotated[int, Path(description="Its id.", ge=1, le=_MOST_ID)]
_Class = Literal["person", "device", "content"]


class ScopeQuery(Parameters):
    """Which policy."""

    action_type: str | None = Field(
        None, description="Unless given, that of all activities.", json_schema_extra={"enum": [*sorted(ACTION_TYPES)]}
    )
    action_name: str | None = Field(None, max_length=500)
    cls: _Class | None = Field(None, alias="class", description="Of columns; unless given, that of the rows.")
    reason: str | None = Field(None, max_length=2_000, description="Why; stands in the act for good.")


class ReasonQuery(Parameters):
    """Why."""

    reason: str = Field(
        min_length=1, max_length=2_000, description="Why; stands in the act for good, so name nobody in it."
    )


class HoldsQuery(Parameters):
    """Which holds."""

    all: bool = Field(default=False, description="Also those that were released, or have ended.")


@router.get("/state")
async def get_governance_state(caller: Governs, office: Offices, request: Request) -> shapes.State:  # noqa: ARG001 (it lets in)
    """Seals, retention, holds, requests, and what waits."""
    return await office.look(lambda connection: state(connection, request.app.state.settings))


@router.get("/policies")
async def get_policies(caller: Governs, office: Offices) -> shapes.Policies:  # noqa: ARG001
    """Policies of retention."""
    return await office.look(lists.policies_shown)


@router.put("/policies")
async def put_policy(body: PolicyBody, caller: Governs, office: Offices, request: Request) -> shapes.Decided:
    """Set a policy, in the place of one for the same activities and columns; or propose it."""
    describe(request.scope, keep=body.keep, type=body.action_type or "all", columns=body.cls or "rows")
    return await asked.set_policy(office, caller, body)


@router.delete("/policies")
async def delete_policy(query: Annotated[ScopeQuery, Query()], caller: Governs, office: Offices) -> shapes.Decided:
    """Remove a policy; or propose it."""
    if query.action_type is not None and query.action_type not in ACTION_TYPES:
        raise ParameterError("action_type", query.action_type, f"it is one of {', '.join(sorted(ACTION_TYPES))}")
    if query.action_name == "":
        raise ParameterError("action_name", "", "it is the name of an activity; leave it out for all of the type")
    for name in ("action_name", "reason"):
        _refuse_odd(name, getattr(query, name))
    return await asked.remove_policy(office, caller, query.action_type, query.action_name, query.cls, query.reason)


@router.get("/plan")
async def get_plan(caller: Governs, office: Offices) -> shapes.Plan:  # noqa: ARG001
    """What would go, if retention ran now: counted exactly, so it reads all of the log that is old enough."""
    return await office.plan(lists.plan_shown)


@router.get("/holds")
async def get_holds(query: Annotated[HoldsQuery, Query()], caller: Governs, office: Offices) -> shapes.Holds:  # noqa: ARG001
    """Legal holds."""
    return await office.look(lambda connection: lists.holds_shown(connection, all_of_them=query.all))


@router.post("/holds")
async def post_hold(body: HoldBody, caller: Governs, office: Offices) -> shapes.Decided:
    """Hold something; or propose it."""
    return await asked.add_hold(office, caller, body)


@router.delete("/holds/{number}")
async def delete_hold(
    number: Number, query: Annotated[ReasonQuery, Query()], caller: Governs, office: Offices
) -> shapes.Decided:
    """Let a hold go: what it kept is due again; or propose it."""
    _refuse_odd("reason", query.reason)
    return await asked.release_hold(office, caller, number, query.reason)


@router.get("/requests")
async def get_requests(
    query: Annotated[lists.RequestsQuery, Query()],
    caller: Governs,  # noqa: ARG001
    office: Offices,
) -> shapes.Requests:
    """What persons ask for."""
    return await office.look(lambda connection: lists.requests_page(connection, office.jobs, query))


@router.post("/requests", status_code=201)
async def post_request(body: RequestBody, caller: Governs, office: Offices, request: Request) -> shapes.RequestShown:
    """Take a request in. The address is kept while it is open, then its keyed hash."""
    describe(request.scope, kind=body.kind)
    return await asked.one_request(office, await asked.open_request(office, caller, body))


@router.get("/requests/{number}")
async def get_request(number: Number, caller: Governs, office: Offices) -> shapes.RequestShown:  # noqa: ARG001
    """One request, with how far it has come where it is carried out by this process."""
    return await asked.one_request(office, number)


@router.post("/requests/{number}/extend")
async def extend_request(number: Number, body: ExtendBody, caller: Governs, office: Offices) -> shapes.RequestShown:
    """Take one month more, or two, for a reason (Article 12(3))."""
    await asked.extend(office, caller, number, body)
    return await asked.one_request(office, number)


@router.post("/requests/{number}/close")
async def close_request(number: Number, body: CloseBody, caller: Governs, office: Offices) -> shapes.RequestShown:
    """End a request by hand."""
    await office.close(caller, number, body.outcome, body.reason)
    return await asked.one_request(office, number)


@router.post(
    "/requests/{number}/carry-out",
    status_code=202,
    response_model=None,
    responses={
        200: {"description": "Of an access: all that is held, as a zip.", "content": {"application/zip": {}}},
        202: {"description": "It has begun, or waits for consent.", "model": shapes.Decided},
    },
)
async def carry_out_request(
    number: Number, body: CarryOutBody, caller: Governs, office: Offices, request: Request
) -> shapes.Decided | Response:
    """Do what the request asks for.

    An erasure or a change of address is begun, and goes on by itself: `GET /requests/{number}` tells how far it is. Interrupted, the
    same call goes on. An access (or portability) is answered with the zip itself; when all of it was handed out, the request is done.
    """
    found = await asked.one_request(office, number)
    describe(request.scope, kind=found.kind)
    return await asked.carry_out(office, request, caller, number, found.kind, body)


@router.get("/proposals")
async def get_proposals(
    query: Annotated[lists.ProposalsQuery, Query()],
    caller: Governs,  # noqa: ARG001
    office: Offices,
) -> shapes.Proposals:
    """What waits for consent, or did."""
    return await office.look(lambda connection: lists.proposals_page(connection, query))


@router.post("/proposals/{number}/consent")
async def consent_to_proposal(number: Number, caller: Governs, office: Offices) -> shapes.Decided:
    """Consent: it is done, or begun. Not by who proposed it."""
    await office.consent(caller, number)
    return shapes.Decided(done=True)


@router.post("/proposals/{number}/refuse", status_code=204)
async def refuse_proposal(number: Number, body: RefuseBody, caller: Governs, office: Offices) -> Response:
    """Refuse it; or withdraw one's own."""
    await office.refuse(caller, number, body.reason)
    return Response(status_code=204)


@router.get("/receipts")
async def get_receipts(query: Annotated[lists.ListQuery, Query()], caller: Governs, office: Offices) -> shapes.Receipts:  # noqa: ARG001
    """Receipts of erasures, changes of address and answers."""
    return await office.look(lambda connection: lists.receipts_page(connection, query))


@router.get("/receipts/{number}")
async def get_receipt(number: Number, caller: Governs, office: Offices) -> shapes.ReceiptShown:  # noqa: ARG001
    """One of them."""
    return await asked.one_receipt(office, number)


@router.get("/acts")
async def get_acts(query: Annotated[lists.ListQuery, Query()], caller: Governs, office: Offices) -> shapes.Acts:  # noqa: ARG001
    """What was done to the log."""
    return await office.look(lambda connection: lists.acts_page(connection, query))


def _refuse_odd(name: str, text: str | None) -> None:
    try:
        plain(text or "")
    except ValueError as error:
        raise ParameterError(name, text, str(error)) from None
