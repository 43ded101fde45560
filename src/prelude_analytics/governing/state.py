"""How the log is governed now: seals, retention, holds, requests, what waits. Asked on one connection."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from prelude_analytics.governing.shapes import Checkpoint, Retention, Seals, State
from prelude_store.governance.four_eyes import asked_for
from prelude_store.retention.figures import figures
from prelude_store.seals.state import status

if TYPE_CHECKING:
    from prelude_analytics.settings import Settings
    from prelude_store.connection import Connection
    from prelude_store.retention.figures import Figures

__all__ = ["now_of", "state"]

_COUNTS: Final = """
SELECT now(),
    (SELECT count(*) FROM public.legal_holds WHERE released_at IS NULL AND (ends_at IS NULL OR ends_at > now())),
    (SELECT count(*) FROM public.governance_requests WHERE closed_at IS NULL),
    (SELECT count(*) FROM public.governance_requests WHERE closed_at IS NULL AND due_at <= now()),
    (SELECT count(*) FROM public.governance_proposals WHERE state = 'waiting' AND expires_at > now())
"""
_ROOT: Final = "SELECT root FROM public.seal_checkpoints ORDER BY size DESC LIMIT 1"


def now_of(connection: Connection) -> datetime:
    """The moment by the database's clock, in UTC."""
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None  # noqa: S101 (SELECT of a constant)
    moment: datetime = row[0]
    return moment


def state(connection: Connection, settings: Settings) -> State:
    """Ask; for members of ``prelude_governor``."""
    row = connection.execute(_COUNTS).fetchone()
    assert row is not None  # noqa: S101 (no table in FROM)
    now, holds, requests, overdue, proposals = row
    return State(
        as_of=now, four_eyes=asked_for(connection), seals=_seals(connection, settings, now),
        retention=_retention(figures(connection), settings), holds=holds, open_requests=requests, overdue_requests=overdue,
        waiting_proposals=proposals,
    )  # fmt: skip


def _seals(connection: Connection, settings: Settings, now: datetime) -> Seals:
    found = status(connection)
    root = connection.execute(_ROOT).fetchone()
    checkpoint = None
    if root is not None and found["note"] is not None:
        checkpoint = Checkpoint(
            size=found["checkpoint_size"], root=base64.b64encode(root[0]).decode(), signed_at=found["checkpoint_at"], note=found["note"]
        )  # fmt: skip
    as_of: datetime | None = found["as_of"]
    lag = None if as_of is None else (now - as_of).total_seconds() if found["behind"] else 0.0
    outside = {"file": settings.seal_checkpoint_file, "webhook": settings.seal_webhook}
    return Seals(
        origin=found["origin"], leaves=found["leaves"], as_of=as_of, behind=found["behind"], lag_seconds=lag,
        checkpoints=found["checkpoints"], checkpoint=checkpoint, keys=found["keys"],
        outside=[name for name, where in outside.items() if where],
    )  # fmt: skip


def _retention(found: Figures, settings: Settings) -> Retention:
    following = None
    if found.policies and settings.retention_every:
        every = timedelta(hours=settings.retention_every)
        following = found.now if found.last_done is None else max(found.now, found.last_done + every)
    return Retention(
        policies=found.policies, last_begun=found.last_begun, last_done=found.last_done, failure=found.failure,
        next_run=following, rows=found.rows, partitions=found.partitions,
    )  # fmt: skip
