"""The weekly partitions of the log, as they stand, the oldest first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["Leaving", "Week", "weeks"]

_WEEKS: Final = """
SELECT relname, substring(bound FROM 'FROM \\(''([^'']*)''\\)')::timestamptz AS starts, substring(bound FROM 'TO \\(''([^'']*)''\\)')::timestamptz
FROM (
    SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) AS bound FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'public.user_activity_logs'::regclass AND NOT inhdetachpending
) AS partitions ORDER BY starts
"""


class Week(NamedTuple):
    """A partition.

    Args:
        starts: its first moment.
        ends: the first moment behind it.
    """

    name: str
    starts: datetime
    ends: datetime

    def days(self) -> list[tuple[datetime, datetime]]:
        """Its days (UTC), each with its first moment and the first behind it."""
        begins = [self.starts + timedelta(days=number) for number in range((self.ends - self.starts).days)]
        return [(day, day + timedelta(days=1)) for day in begins]


class Leaving(NamedTuple):
    """A partition on its way out.

    Args:
        act: by which it leaves.
        rows: that it held then.
    """

    act: int
    name: str
    starts: datetime
    ends: datetime
    rows: int


def weeks(connection: Connection, before: datetime) -> list[Week]:
    """The partitions that begin before that moment."""
    return [Week(*row) for row in connection.execute(_WEEKS.encode()) if row[1] < before]
