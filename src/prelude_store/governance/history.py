"""Acts, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["Act", "acts"]

_ALL: Final = """
SELECT id, at, kind, actor, reason, detail FROM public.governance_acts WHERE id < %s ORDER BY id DESC LIMIT %s
"""
_MOST_ID: Final = 2**63 - 1


class Act(NamedTuple):
    """What was done to the log, by whom, and why."""

    id: int
    at: datetime
    kind: str
    actor: str
    reason: str | None
    detail: dict[str, Any]


def acts(connection: Connection, *, limit: int, before: int = _MOST_ID) -> list[Act]:
    """The newest first, older than `before`; for members of ``prelude_reader`` or ``prelude_governor``."""
    return [Act(*row) for row in connection.execute(_ALL, [before, limit])]
