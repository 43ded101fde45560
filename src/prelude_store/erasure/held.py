"""What may not be erased: rows under a legal hold (`prelude_store.governance.holds`)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.governance.changes import RowKey

__all__ = ["held_rows", "holds_on"]

_HOLDS: Final = "prelude_store.governance.holds"


def holds_on(connection: Connection, person: bytes) -> list[tuple[int, str]]:
    """Number and reason of each hold on all that `person` did."""
    holds = _holds()
    if holds is None:
        return []
    return [
        (hold.id, hold.reason)
        for hold in holds.holds(connection)
        if hold.person == person and (hold.entity_type, hold.since, hold.until) == (None, None, None)
    ]


def held_rows(connection: Connection, rows: Sequence[RowKey]) -> set[tuple[UUID, datetime]]:
    """Those of `rows` that are held, by event id and time, until the open transaction ends."""
    holds = _holds()
    if holds is None or not rows:
        return set()
    holds.stand_still(connection)
    return set(holds.held_rows(connection, rows))


def _holds() -> Any:
    return import_module(_HOLDS) if find_spec(_HOLDS) is not None else None
