"""Four eyes: what one would do waits here until another one consents, refuses, or it is too late. Each of these is an act."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from psycopg.types.json import Jsonb

from prelude_otel.errors import StoreError
from prelude_store.governance.absent import AbsentError
from prelude_store.governance.acts import record_act

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prelude_store.connection import Connection

__all__ = ["Proposal", "ProposalError", "Who", "consent", "lapse", "proposals", "propose", "refuse"]

LAPSE: Final = "lapse"
"""The kind of act by which a proposal that nobody decided on in time is void; in logs of before it is ``expire``, as that of retention."""

Kind = Literal["set_policy", "remove_policy", "hold", "release", "erasure", "rename"]

_COLUMNS: Final = "id, kind, content, email, reason, request_id, proposed_by, proposed_person, proposed_at, expires_at, state, decided_by, decided_at"
_WAITING: Final = f"""
SELECT {_COLUMNS} FROM public.governance_proposals WHERE state = 'waiting' AND expires_at > now() AND id > %s ORDER BY id LIMIT %s
"""  # noqa: S608 (constants)
_DECIDED: Final = f"""
SELECT {_COLUMNS} FROM public.governance_proposals WHERE state <> 'waiting' AND id < %s ORDER BY id DESC LIMIT %s
"""  # noqa: S608 (constants)
_ONE: Final = f"SELECT {_COLUMNS} FROM public.governance_proposals WHERE id = %s FOR UPDATE"  # noqa: S608 (constants)
_LATE: Final = """
SELECT id, kind FROM public.governance_proposals WHERE state = 'waiting' AND expires_at <= now() ORDER BY id FOR UPDATE SKIP LOCKED
"""
_ADD: Final = """
INSERT INTO public.governance_proposals (
    kind, content, email, reason, request_id, proposed_by, proposed_person, expires_at, act_id
) VALUES (%s, %s, %s, %s, %s, %s, %s, now() + %s, %s) RETURNING id
"""
_DECIDE: Final = """
UPDATE public.governance_proposals SET state = %s, decided_by = %s, decided_at = now(), email = NULL WHERE id = %s
"""
_MOST_ID: Final = 2**63 - 1


class ProposalError(StoreError):
    """Something can't be done to a proposal; nothing was changed."""


class Who(NamedTuple):
    """Who acts.

    Args:
        actor: ``token:ID``.
        person: keyed hash of who holds the token, where it says so.
    """

    actor: str
    person: bytes | None = None


class Proposal(NamedTuple):
    """A proposal as it stands in the database.

    Args:
        content: what is to be done; names nobody.
        email: whom a hold is to be about, while it waits.
        request_id: that it is to carry out.
    """

    id: int
    kind: Kind
    content: dict[str, Any]
    email: str | None
    reason: str | None
    request_id: int | None
    proposed_by: str
    proposed_person: bytes | None
    proposed_at: datetime
    expires_at: datetime
    state: str
    decided_by: str | None
    decided_at: datetime | None


def proposals(
    connection: Connection, *, waiting: bool, limit: int, after: int = 0, before: int = _MOST_ID
) -> list[Proposal]:
    """Those that wait, the oldest first, behind the id `after`; or those that do not any more, the newest first, older than `before`."""
    if waiting:
        rows = connection.execute(_WAITING.encode(), [after, limit])
    else:
        rows = connection.execute(_DECIDED.encode(), [before, limit])
    return [Proposal(*row) for row in rows]


def propose(
    connection: Connection,
    lane: int,
    who: Who,
    kind: Kind,
    content: Mapping[str, Any],
    *,
    within: timedelta,
    reason: str | None = None,
    email: str | None = None,
    request_id: int | None = None,
) -> int:
    """Propose, within an open transaction; gives the id.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`.
        content: what JSON can hold; names nobody.
        within: until when somebody must have consented.
        email: whom a hold is about.

    Raises:
        ProposalError: the same request waits for consent already.
    """
    if request_id is not None:
        same = connection.execute(
            "SELECT id FROM public.governance_proposals WHERE request_id = %s AND state = 'waiting'", [request_id]
        ).fetchone()
        if same is not None:
            raise ProposalError(f"request {request_id} waits for consent already: proposal {same[0]}")
    detail: dict[str, Any] = {"proposed": kind, "content": dict(content)}
    if request_id is not None:
        detail["request"] = request_id
    act = record_act(connection, lane, "propose", who.actor, detail, reason)
    row = connection.execute(
        _ADD, [kind, Jsonb(dict(content)), email, reason, request_id, who.actor, who.person, within, act]
    ).fetchone()
    assert row is not None  # noqa: S101 (INSERT … RETURNING)
    return int(row[0])


def consent(connection: Connection, lane: int, who: Who, number: int) -> Proposal:
    """Consent, within an open transaction; gives what is to be done now.

    Raises:
        ProposalError: it does not wait, is too old, or is one's own.
    """
    found = _waiting(connection, number)
    if found.proposed_by == who.actor or (found.proposed_person is not None and found.proposed_person == who.person):
        raise ProposalError(
            f"proposal {number} is your own: four eyes are those of two people, so another one with the role govern must consent"
        )
    _decide(connection, lane, who, found, "consented", "consent", None)
    return found


def refuse(connection: Connection, lane: int, who: Who, number: int, reason: str | None) -> Proposal:
    """Refuse it, or withdraw one's own, within an open transaction.

    Raises:
        ProposalError: it does not wait.
    """
    found = _waiting(connection, number)
    own = found.proposed_by == who.actor
    _decide(connection, lane, who, found, "withdrawn" if own else "refused", "withdraw" if own else "refuse", reason)
    return found


def lapse(connection: Connection, lane: int, actor: str) -> int:
    """Let go what waited for too long, within an open transaction; gives how many."""
    late = connection.execute(_LATE).fetchall()
    for number, kind in late:
        record_act(connection, lane, LAPSE, actor, {"proposal": number, "proposed": kind})
        connection.execute(_DECIDE, ["expired", actor, number])
    return len(late)


def _waiting(connection: Connection, number: int) -> Proposal:
    row = connection.execute(_ONE.encode(), [number]).fetchone()
    if row is None:
        raise AbsentError(f"there is no proposal {number}")
    found = Proposal(*row)
    if found.state != "waiting":
        raise ProposalError(
            f"proposal {number} waits for nobody any more: it was {found.state} at {found.decided_at:%Y-%m-%d %H:%M}"
        )
    return found


def _decide(
    connection: Connection, lane: int, who: Who, found: Proposal, state: str, act: str, reason: str | None
) -> None:
    detail = {"proposal": found.id, "proposed": found.kind, "proposed_by": found.proposed_by, "decided_by": who.actor}
    if found.request_id is not None:
        detail["request"] = found.request_id
    record_act(connection, lane, act, who.actor, detail, reason)
    connection.execute(_DECIDE, [state, who.actor, found.id])
