"""Receipts that are kept: of erasures, changes of address and answers about what is held. They name nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg.types.json import Jsonb

from prelude_store.governance.absent import AbsentError

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["Kept", "keep", "receipt", "receipts"]

_COLUMNS: Final = "id, kind, person, act_id, request_id, made_at, receipt"
_ALL: Final = f"SELECT {_COLUMNS} FROM public.governance_receipts WHERE id < %s ORDER BY id DESC LIMIT %s"  # noqa: S608 (constants)
_ONE: Final = f"SELECT {_COLUMNS} FROM public.governance_receipts WHERE id = %s"  # noqa: S608 (constants)
_ADD: Final = """
INSERT INTO public.governance_receipts (kind, person, act_id, request_id, receipt) VALUES (%s, %s, %s, %s, %s) RETURNING id
"""
_MOST_ID: Final = 2**63 - 1


class Kept(NamedTuple):
    """A receipt as it was handed out.

    Args:
        kind: ``erase``, ``rename`` or ``export``.
        person: keyed hash of the address.
        act_id: of the act that says so.
    """

    id: int
    kind: str
    person: bytes
    act_id: int
    request_id: int | None
    made_at: datetime
    receipt: dict[str, Any]


def keep(
    connection: Connection, kind: str, person: bytes, act_id: int, made: dict[str, Any], request_id: int | None = None
) -> int:
    """Keep a receipt; gives its number."""
    row = connection.execute(_ADD, [kind, person, act_id, request_id, Jsonb(made)]).fetchone()
    assert row is not None  # noqa: S101 (INSERT … RETURNING)
    return int(row[0])


def receipts(connection: Connection, *, limit: int, before: int = _MOST_ID) -> list[Kept]:
    """The newest first, older than `before`."""
    return [Kept(*row) for row in connection.execute(_ALL, [before, limit])]


def receipt(connection: Connection, number: int) -> Kept:
    """One of them.

    Raises:
        AbsentError: there is none.
    """
    row = connection.execute(_ONE, [number]).fetchone()
    if row is None:
        raise AbsentError(f"there is no receipt {number}")
    return Kept(*row)
