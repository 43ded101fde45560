"""Requests and proposals that name the person: their address goes, or becomes the new one. What is asked for stays, by its keyed hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.governance.people import person_hash, person_key

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.erasure.runs import Run

__all__ = ["settle_requests"]

_REQUESTS: Final = """
SELECT id, email, new_email, note, extension_reason, outcome, failure FROM public.governance_requests
WHERE lower(concat_ws(E'\\n', email, new_email, note, extension_reason, outcome, failure) COLLATE "C") LIKE ANY (%s) FOR UPDATE
"""
_REQUEST: Final = """
UPDATE public.governance_requests SET email = %(email)s, new_email = %(new_email)s, note = %(note)s,
    extension_reason = %(extension_reason)s, outcome = %(outcome)s, failure = %(failure)s, person = coalesce(%(person)s, person)
WHERE id = %(id)s
"""
_PROPOSALS: Final = """
SELECT id, email, reason FROM public.governance_proposals
WHERE lower(concat_ws(E'\\n', email, reason) COLLATE "C") LIKE ANY (%s) FOR UPDATE
"""
_TEXTS: Final = ("note", "extension_reason", "outcome", "failure")


def settle_requests(connection: Connection, aim: Aim, run: Run) -> None:
    """Within an open transaction."""
    names = ("id", "email", "new_email", *_TEXTS)
    for row in connection.execute(_REQUESTS, [aim.address.patterns]).fetchall():
        before = dict(zip(names, row, strict=True))
        after = before | {name: before[name] and aim.text(before[name]) for name in _TEXTS}
        after |= {name: _address(before[name], aim) for name in ("email", "new_email")}
        if before == after:
            continue
        moved = aim.new is not None and before["email"] != after["email"]
        person = person_hash(person_key(connection), aim.new.email) if moved and aim.new is not None else None
        run.counts["requests"] += 1
        connection.execute(_REQUEST, after | {"person": person})
    for number, email, reason in connection.execute(_PROPOSALS, [aim.address.patterns]).fetchall():
        connection.execute(
            "UPDATE public.governance_proposals SET email = %s, reason = %s WHERE id = %s",
            [_address(email, aim), reason and aim.text(reason), number],
        )


def _address(email: str | None, aim: Aim) -> str | None:
    """`email` as it is to be kept."""
    if email is None or not aim.address.mentioned(email):
        return email
    return None if aim.new is None else aim.new.email
