"""What was done to the log, and why: entries of the log themselves, only ever added to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb

from prelude_otel.errors import StoreError
from prelude_store import lanes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["DROP", "record_act", "record_drop"]

DROP: Final = "drop"
"""The kind of act by which a stretch of time leaves the log as a whole."""

_RECORD: Final = """
INSERT INTO public.governance_acts (lane, lane_seq, kind, actor, reason, detail) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""


def record_act(
    connection: Connection, lane: int, kind: str, actor: str, detail: Mapping[str, Any], reason: str | None = None
) -> int:
    """Add an act to the log, within an open transaction; gives its id.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: of this connection (`lanes.claim`); it is ours until COMMIT.
        kind: one word, e.g. ``erase``.
        actor: id of a token, or a database login; never an address.
        detail: what JSON can hold; no personal data: it stays for ever.
    """
    seq = lanes.reserve(connection, lane, 1)
    row = connection.execute(_RECORD, [lane, seq, kind, actor, reason, Jsonb(dict(detail))]).fetchone()
    if row is None:
        raise StoreError(f"the act {kind!r} was not recorded: something in the database swallows it")
    return int(row[0])


def record_drop(
    connection: Connection,
    lane: int,
    actor: str,
    starts: datetime,
    ends: datetime,
    reason: str | None = None,
    **detail: Any,
) -> int:
    """Say that the rows from `starts` until before `ends` leave the log as a whole; as `record_act`.

    It explains that rows are gone which were sealed before it. Record it before the partition goes; and once more behind it, for rows
    that were sealed meanwhile.

    Args:
        starts: with a time zone, as `ends`.
    """
    if starts.tzinfo is None or ends.tzinfo is None:
        raise ValueError(f"a drop from {starts} to {ends} needs times with a zone")
    bounds = {"from": starts.isoformat(), "to": ends.isoformat()}
    return record_act(connection, lane, DROP, actor, detail | bounds, reason)
