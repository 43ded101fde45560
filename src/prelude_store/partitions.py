"""Weekly partitions of the log: made ahead, and on demand for late and early rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prelude_store.connection import Connection

__all__ = ["DEFAULT_WEEKS_AHEAD", "ensure", "ensure_ahead", "week_of"]

DEFAULT_WEEKS_AHEAD: Final = 4

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK_US: Final = 7 * 86_400 * 1_000_000
_MONDAY_US: Final = 4 * 86_400 * 1_000_000
"""1970-01-05 was the first Monday."""


def week_of(timestamp_us: int) -> int:
    """Number of the week that holds `timestamp_us` (microseconds since the epoch); weeks begin on Monday, 00:00 UTC."""
    return (timestamp_us - _MONDAY_US) // _WEEK_US


def ensure(connection: Connection, weeks: Iterable[int]) -> int:
    """Make the partitions of `weeks` where they are not there, each in a transaction of its own.

    Args:
        connection: in autocommit mode, so that no lock outlives the making of one partition.

    Returns:
        How many were made.
    """
    made = 0
    for week in sorted(weeks):
        starts = _EPOCH + timedelta(microseconds=_MONDAY_US + week * _WEEK_US)
        row = connection.execute("SELECT public.prelude_ensure_partition(%s)", [max(starts, _EPOCH)]).fetchone()
        made += bool(row and row[0])
    return made


def ensure_ahead(connection: Connection, weeks: int = DEFAULT_WEEKS_AHEAD) -> int:
    """Make the partitions of this week and the next `weeks`, by the database's clock; gives how many were made."""
    row = connection.execute("SELECT (extract(epoch FROM now()) * 1000000)::bigint").fetchone()
    this_week = week_of(row[0]) if row else 0
    return ensure(connection, range(this_week, this_week + weeks + 1))
