"""What may not be erased: rows under a legal hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prelude_store.governance import holds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.governance.changes import RowKey

__all__ = ["held_rows", "holds_on"]


def holds_on(connection: Connection, person: bytes) -> list[tuple[int, str]]:
    """Number and reason of each hold on all that `person` did."""
    return [
        (hold.id, hold.reason)
        for hold in holds.holds(connection)
        if hold.person == person and (hold.entity_type, hold.since, hold.until) == (None, None, None)
    ]


def held_rows(connection: Connection, rows: Sequence[RowKey]) -> set[tuple[UUID, datetime]]:
    """Those of `rows` that are held, by event id and time; none is added until the open transaction ends."""
    if not rows:
        return set()
    holds.stand_still(connection)
    return set(holds.held_rows(connection, rows))
