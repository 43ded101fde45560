"""Policies, holds and moments for tests of retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prelude_store import lanes
from prelude_store.governance import holds
from prelude_store.retention.keeping import parse_keep
from prelude_store.retention.policies import set_policy
from prelude_store.retention.policy import Policy, scope_of

if TYPE_CHECKING:
    from prelude_store.connection import Connection


def keep(
    connection: Connection, keep: str, action_type: str | None = None, name: str | None = None, cls: str | None = None,
    *, by_week: bool = False,
) -> None:  # fmt: skip
    """Set a policy."""
    lane = lanes.claim(connection)
    with connection.transaction():
        set_policy(connection, lane, "test", Policy(0, scope_of(action_type, name, cls), parse_keep(keep), by_week))


def hold(connection: Connection, **covers: Any) -> int:
    """Add a hold."""
    lane = lanes.claim(connection)
    with connection.transaction():
        return holds.add(connection, lane, "test", holds.Wanted(reason="case 17", **covers))


def ago(days: float) -> int:
    """Microseconds since the epoch of a moment so many days ago."""
    return int((datetime.now(UTC) - timedelta(days=days)).timestamp() * 1_000_000)
