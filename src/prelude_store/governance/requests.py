"""What persons ask for: opened, carried out, closed; each step is an act. While one is open, the address is kept; then its keyed hash.

While it is carried out the address stands nowhere here: who goes on with it gives it again, and it is checked by its hash.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from prelude_otel.errors import StoreError
from prelude_store.governance.absent import AbsentError
from prelude_store.governance.acts import record_act
from prelude_store.governance.deadlines import MOST_MONTHS_MORE, due_at
from prelude_store.governance.people import person_hash, person_key

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.mentions.person import Person

__all__ = [
    "KINDS",
    "Kind",
    "Outcome",
    "Request",
    "RequestError",
    "Wanted",
    "begin",
    "close",
    "extend",
    "give_back",
    "open_request",
    "request",
    "requests",
    "take_over",
]

Kind = Literal["access", "portability", "erasure", "rename", "rectification", "restriction", "objection"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Outcome = Literal["done", "refused", "withdrawn"]

ACT: Final = "request"
"""The kind of act."""

_COLUMNS: Final = (
    "id, kind, state, email, person, new_email, new_person, note, received_at, due_at, extended_by, extension_reason, opened_by,"
    " opened_at, handled_by, closed_at, outcome, failure,"
    " (SELECT max(receipt.id) FROM public.governance_receipts AS receipt WHERE receipt.request_id = request.id)"
)
_FROM: Final = f"SELECT {_COLUMNS} FROM public.governance_requests AS request"  # noqa: S608 (constants)
_OPEN_ONES: Final = (
    f"{_FROM} WHERE closed_at IS NULL AND (due_at, id) > (%(due)s, %(id)s) ORDER BY due_at, id LIMIT %(limit)s"
)
_CLOSED_ONES: Final = f"{_FROM} WHERE closed_at IS NOT NULL AND id < %(id)s ORDER BY id DESC LIMIT %(limit)s"
_ONE: Final = f"{_FROM} WHERE id = %s"
_ADD: Final = """
INSERT INTO public.governance_requests (
    kind, email, person, new_email, new_person, note, received_at, due_at, opened_by, act_id
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""
_LONGEST_NOTE: Final = 2_000
_GRACE: Final = timedelta(minutes=5)
_MOST_ID: Final = 2**63 - 1


class RequestError(StoreError):
    """Something can't be done to a request; nothing was changed."""


class Wanted(NamedTuple):
    """A request that came.

    Args:
        new: the other address, of a change of address.
        received_at: when it came; with a zone.
        note: for who handles it; goes when it is closed.
    """

    kind: Kind
    address: Person
    received_at: datetime
    new: Person | None = None
    note: str | None = None


class Request(NamedTuple):
    """A request as it stands in the database.

    Args:
        email: None once it is closed, or while it is carried out.
        person: keyed hash of the address.
        extended_by: months beyond the first.
        opened_by: ``token:ID``, or a login; likewise `handled_by`.
        outcome: what was done, or why not.
        failure: why it could not be carried out when that was last tried.
        receipt: number of the newest receipt.
    """

    id: int
    kind: Kind
    state: str
    email: str | None
    person: bytes
    new_email: str | None
    new_person: bytes | None
    note: str | None
    received_at: datetime
    due_at: datetime
    extended_by: int
    extension_reason: str | None
    opened_by: str
    opened_at: datetime
    handled_by: str | None
    closed_at: datetime | None
    outcome: str | None
    failure: str | None
    receipt: int | None


def requests(
    connection: Connection,
    *,
    closed: bool,
    limit: int,
    after: tuple[datetime, int] | None = None,
    before: int = _MOST_ID,
) -> list[Request]:
    """Open ones, those that are due first, behind `after` (time and id); or closed ones, the newest first, older than `before`."""
    if closed:
        rows = connection.execute(_CLOSED_ONES.encode(), {"id": before, "limit": limit})
    else:
        due, number = after or ("-infinity", 0)
        rows = connection.execute(_OPEN_ONES.encode(), {"due": due, "id": number, "limit": limit})
    return [Request(*row) for row in rows]


def request(connection: Connection, number: int) -> Request:
    """One of them.

    Raises:
        AbsentError: there is none.
    """
    row = connection.execute(_ONE.encode(), [number]).fetchone()
    if row is None:
        raise AbsentError(f"there is no request {number}")
    return Request(*row)


def open_request(connection: Connection, lane: int, actor: str, wanted: Wanted) -> int:
    """Take a request in, within an open transaction; gives its id.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`.

    Raises:
        RequestError: it makes no sense, or is open already.
    """
    _refuse_senseless(connection, wanted)
    key = person_key(connection)
    person = person_hash(key, wanted.address.email)
    new_person = None if wanted.new is None else person_hash(key, wanted.new.email)
    same = connection.execute(
        "SELECT id FROM public.governance_requests WHERE person = %s AND kind = %s AND closed_at IS NULL",
        [person, wanted.kind],
    ).fetchone()
    if same is not None:
        raise RequestError(f"a request for {wanted.kind} by {wanted.address.email} is open already: number {same[0]}")
    due = due_at(wanted.received_at)
    detail = {"request": "opened", "kind": wanted.kind, "person": person.hex(), "due_at": due.isoformat()}
    act = record_act(connection, lane, ACT, actor, detail)
    row = connection.execute(
        _ADD,
        [
            *(wanted.kind, wanted.address.email, person, wanted.new and wanted.new.email, new_person, wanted.note),
            *(wanted.received_at, due, actor, act),
        ],
    ).fetchone()
    assert row is not None  # noqa: S101 (INSERT … RETURNING)
    return int(row[0])


def extend(connection: Connection, lane: int, actor: str, number: int, months: int, reason: str) -> None:
    """Take up to two months more, within an open transaction; the person is to be told within the first one (Article 12(3)).

    Raises:
        RequestError: it is closed, or that is too long, or no reason is given.
    """
    found = _open(connection, number)
    if not reason.strip():
        raise RequestError("a deadline is extended for a reason, which the person is told")
    if not 1 <= months <= MOST_MONTHS_MORE:
        raise RequestError(f"a deadline is extended by one month or two, not by {months} (Article 12(3))")
    if months <= found.extended_by:
        raise RequestError(f"the deadline of request {number} is extended by {found.extended_by} already")
    why = _unnamed(reason, found)
    due = due_at(found.received_at, months)
    detail = _detail(found, "extended") | {"months": months, "due_at": due.isoformat()}
    record_act(connection, lane, ACT, actor, detail, why)
    connection.execute(
        "UPDATE public.governance_requests SET extended_by = %s, extension_reason = %s, due_at = %s WHERE id = %s",
        [months, why, due, number],
    )


def close(connection: Connection, lane: int, actor: str, number: int, outcome: Outcome, reason: str | None) -> None:
    """End a request, within an open transaction: its address goes.

    Raises:
        RequestError: it is closed already; or it is refused, and no reason is given (Article 12(4)).
    """
    found = _open(connection, number)
    if outcome != "done" and not (reason and reason.strip()):
        raise RequestError(f"a request is {outcome} for a reason: the person is told why (Article 12(4))")
    why = None if reason is None else _unnamed(reason, found)
    record_act(connection, lane, ACT, actor, _detail(found, outcome), why)
    connection.execute(
        "UPDATE public.governance_requests SET state = %s, closed_at = now(), handled_by = %s, outcome = %s, email = NULL,"
        " new_email = NULL, note = NULL, failure = NULL WHERE id = %s",
        [outcome, actor, why, number],
    )


def take_over(connection: Connection, number: int, address: Person, kinds: tuple[Kind, ...]) -> Request:
    """The request that is to be carried out; locked within the open transaction.

    Args:
        address: that was typed, to show that this person is meant.

    Raises:
        RequestError: it is closed, of another kind, or another person's.
    """
    found = _open(connection, number)
    if found.kind not in kinds:
        raise RequestError(
            f"request {number} is for {found.kind}, which nothing here carries out by itself: do it, and close the request"
        )
    if person_hash(person_key(connection), address.email) != found.person:
        raise RequestError(f"{address.email} is not the address of request {number}; nothing was done")
    return found


def begin(connection: Connection, number: int, actor: str) -> None:
    """From now on it is carried out: the address is in the hands of who does it."""
    connection.execute(
        "UPDATE public.governance_requests SET state = 'running', handled_by = %s, email = NULL, failure = NULL WHERE id = %s",
        [actor, number],
    )


def give_back(connection: Connection, number: int, email: str, failure: str) -> None:
    """It could not be carried out, and is open again."""
    connection.execute(
        "UPDATE public.governance_requests SET state = 'open', email = %s, failure = %s WHERE id = %s AND state = 'running'",
        [email, failure, number],
    )


def _open(connection: Connection, number: int) -> Request:
    connection.execute("SELECT 1 FROM public.governance_requests WHERE id = %s FOR UPDATE", [number])
    found = request(connection, number)
    if found.closed_at is not None:
        raise RequestError(f"request {number} was closed at {found.closed_at:%Y-%m-%d %H:%M}: {found.state}")
    return found


def _detail(found: Request, what: str) -> dict[str, Any]:
    return {"request": what, "number": found.id, "kind": found.kind, "person": found.person.hex()}


def _unnamed(text: str, found: Request) -> str:
    """`text` without the addresses of the request: it stays for good."""
    from prelude_store.mentions.person import person_of

    for email in (found.email, found.new_email):
        if email is not None:
            text = person_of(email).replaced(text, "[the person]")
    return text.strip()


def _refuse_senseless(connection: Connection, wanted: Wanted) -> None:
    if (wanted.kind == "rename") != (wanted.new is not None):
        raise RequestError("a change of address needs the new one, and nothing else does")
    if wanted.new is not None and wanted.new.email == wanted.address.email:
        raise RequestError(f"{wanted.new.email} is the address already")
    if wanted.note is not None and len(wanted.note) > _LONGEST_NOTE:
        raise RequestError(f"a note has at most {_LONGEST_NOTE} characters")
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None  # noqa: S101 (SELECT of a constant)
    if wanted.received_at > row[0] + _GRACE:
        raise RequestError(f"a request that came at {wanted.received_at.isoformat()} has not come yet")
    if wanted.received_at < row[0] - timedelta(days=3650):
        raise RequestError(f"a request of {wanted.received_at:%Y-%m-%d} is more than ten years old: mind the year")
