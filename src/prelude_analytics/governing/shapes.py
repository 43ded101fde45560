"""What the routes of governance answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from prelude_store.governance.deadlines import days_left
from prelude_store.governance.history import Act
from prelude_store.governance.holds import Hold
from prelude_store.governance.proposals import Proposal
from prelude_store.governance.receipts import Kept
from prelude_store.governance.requests import Request
from prelude_store.retention.policy import ROWS, Policy

__all__ = [
    "ActShown", "Acts", "Checkpoint", "Decided", "HoldShown", "Holds", "Plan", "PlanPolicy", "PlanWeek", "Policies", "PolicyShown",
    "ProgressShown", "ProposalShown", "Proposals", "ReceiptShown", "Receipts", "RequestShown", "Requests", "Retention", "Seals", "State",
    "act_shown", "hold_shown", "policy_shown", "proposal_shown", "receipt_shown", "request_shown",
]  # fmt: skip

_PERSON = "Keyed hash of the address (HMAC-SHA-256, hex)."


class Checkpoint(BaseModel):
    """What was signed last."""

    size: int = Field(description="Leaves that it covers.")
    root: str = Field(description="Root hash of the tree, base64, as the note has it.")
    signed_at: datetime
    note: str = Field(description="The signed note itself (C2SP tlog-checkpoint).")


class Seals(BaseModel):
    """How far seals are."""

    origin: str | None = Field(description="Name of this log; null: nothing was ever sealed.")
    leaves: int
    as_of: datetime | None = Field(description="What was committed before then is sealed.")
    behind: int = Field(description="Places in the lanes that are committed, and not sealed yet.")
    lag_seconds: float | None = Field(
        description="For how long something waits; 0 where nothing does; null: nothing was ever sealed."
    )
    checkpoints: int
    checkpoint: Checkpoint | None
    keys: list[str] = Field(description="Public halves of the keys that have signed here, oldest first.")
    outside: list[str] = Field(description="Where this process sends checkpoints: `file`, `webhook`.")


class Retention(BaseModel):
    """What policies have done, and will do."""

    policies: int
    last_begun: datetime | None
    last_done: datetime | None = Field(description="When the last run began that did all.")
    failure: str | None = Field(description="Why the last run did not do all.")
    next_run: datetime | None = Field(
        description="When this process would run next; null: it runs none, or nothing is to go."
    )
    rows: int = Field(description="That went in all.")
    partitions: int = Field(description="That were dropped in all.")


class State(BaseModel):
    """How the log is governed."""

    as_of: datetime
    four_eyes: bool = Field(
        description="Whether a second one must consent to erasures, changes of address, policies and holds."
    )
    seals: Seals
    retention: Retention
    holds: int = Field(description="That hold.")
    open_requests: int
    overdue_requests: int
    waiting_proposals: int


class PolicyShown(BaseModel):
    """A policy."""

    id: int
    action_type: str | None
    action_name: str | None
    what: str = Field(description="`rows`, or the class of columns that go: `person`, `device`, `content`.")
    keep: str
    by_week: bool
    due_before: datetime | None = Field(description="What is from before then is due; null: nothing ever is.")


class Policies(BaseModel):
    """All policies; the most specific one wins."""

    items: list[PolicyShown]


class PlanPolicy(BaseModel):
    """What would go by one policy."""

    policy: PolicyShown
    going: int = Field(description="Rows that would go, or lose the columns.")


class PlanWeek(BaseModel):
    """What would go of one week."""

    model_config = {"populate_by_name": True}

    from_: datetime = Field(alias="from")
    to: datetime
    rows: int = Field(description="That it holds.")
    drop: bool = Field(description="Its partition goes as a whole.")
    going: int
    held: int = Field(description="Due rows that holds keep.")
    waiting: int = Field(description="Due rows that stay until figures have counted them.")


class Plan(BaseModel):
    """What would go, if retention ran now."""

    at: datetime
    policies: list[PlanPolicy]
    weeks: list[PlanWeek]


class HoldShown(BaseModel):
    """A hold."""

    id: int
    person: str | None = Field(description=_PERSON)
    entity_type: str | None
    entity_id: str | None
    since: datetime | None
    until: datetime | None
    reason: str
    ends_at: datetime | None
    added_at: datetime
    released_at: datetime | None
    active: bool


class Holds(BaseModel):
    """Holds, oldest first."""

    items: list[HoldShown]


class ProgressShown(BaseModel):
    """How far something has come."""

    what: str
    done: int
    of: int


class RequestShown(BaseModel):
    """A request of a person."""

    id: int
    kind: str
    state: str = Field(description="`open`, `running`, `done`, `refused` or `withdrawn`.")
    user_email: str | None = Field(description="Null while it is carried out, and once it is closed.")
    person: str = Field(description=_PERSON)
    new_user_email: str | None
    note: str | None
    received_at: datetime
    due_at: datetime
    days_left: int | None = Field(description="Whole days until then, negative behind it; null once it is closed.")
    extended_by: int = Field(description="Months beyond the first.")
    extension_reason: str | None
    opened_by: str
    opened_at: datetime
    handled_by: str | None
    closed_at: datetime | None
    outcome: str | None
    failure: str | None = Field(description="Why it could not be carried out when that was last tried.")
    receipt: int | None = Field(description="Number of its receipt.")
    progress: ProgressShown | None = Field(default=None, description="Where it is carried out by this process.")


class Requests(BaseModel):
    """Requests."""

    items: list[RequestShown] = Field(description="Open ones: what is due first. Closed ones: the newest first.")
    next_cursor: str | None


class ProposalShown(BaseModel):
    """What waits for consent, or did."""

    id: int
    kind: str
    content: dict[str, Any] = Field(description="What is to be done; names nobody.")
    reason: str | None
    request: int | None
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    state: str
    decided_by: str | None
    decided_at: datetime | None


class Proposals(BaseModel):
    """Proposals."""

    items: list[ProposalShown] = Field(description="Those that wait: the oldest first. Others: the newest first.")
    next_cursor: str | None


class ReceiptShown(BaseModel):
    """A receipt."""

    id: int
    kind: str = Field(description="`erase`, `rename` or `export`.")
    person: str = Field(description=_PERSON)
    act: int
    request: int | None
    made_at: datetime
    receipt: dict[str, Any] = Field(
        description="As it was handed out; for `prelude store erase --replay`, where it is of an erasure."
    )


class Receipts(BaseModel):
    """Receipts, the newest first."""

    items: list[ReceiptShown]
    next_cursor: str | None


class ActShown(BaseModel):
    """What was done to the log, by whom, and why."""

    id: int
    at: datetime
    kind: str
    actor: str
    reason: str | None
    detail: dict[str, Any]


class Acts(BaseModel):
    """Acts, the newest first."""

    items: list[ActShown]
    next_cursor: str | None


class Decided(BaseModel):
    """What became of what was asked: it is done, or it waits for consent."""

    done: bool
    hold: int | None = Field(default=None, description="Number of a new hold.")
    proposal: ProposalShown | None = Field(default=None, description="What waits.")


def policy_shown(policy: Policy, now: datetime) -> PolicyShown:
    """A policy, and what is due by it `now`."""
    scope = policy.scope
    return PolicyShown(
        id=policy.id, action_type=scope.action_type, action_name=scope.action_name, what=scope.what or ROWS, keep=policy.keep,
        by_week=policy.by_week, due_before=policy.cutoff(now),
    )  # fmt: skip


def hold_shown(hold: Hold) -> HoldShown:
    """A hold."""
    return HoldShown(**hold._asdict() | {"person": None if hold.person is None else hold.person.hex()})


def request_shown(request: Request, now: datetime, progress: Any = None) -> RequestShown:
    """A request, as it is `now`."""
    values = request._asdict() | {
        "user_email": request.email,
        "new_user_email": request.new_email,
        "person": request.person.hex(),
        "days_left": None if request.closed_at is not None else days_left(request.due_at, now),
        "progress": None if progress is None else ProgressShown(what=progress.what, done=progress.done, of=progress.of),
    }
    return RequestShown(**{name: value for name, value in values.items() if name in RequestShown.model_fields})


def proposal_shown(proposal: Proposal) -> ProposalShown:
    """A proposal; whom a hold would be about is told to nobody."""
    values = proposal._asdict() | {"request": proposal.request_id}
    return ProposalShown(**{name: value for name, value in values.items() if name in ProposalShown.model_fields})


def receipt_shown(kept: Kept) -> ReceiptShown:
    """A receipt."""
    values = kept._asdict() | {"person": kept.person.hex(), "act": kept.act_id, "request": kept.request_id}
    return ReceiptShown(**{name: value for name, value in values.items() if name in ReceiptShown.model_fields})


def act_shown(act: Act) -> ActShown:
    """An act."""
    return ActShown(**act._asdict())
