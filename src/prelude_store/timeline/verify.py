"""Whether the timeline has what the log says, day by day, within one snapshot."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from prelude_store.timeline.build import SETTINGS, TAKEN, midnight, read_taken
from prelude_store.timeline.columns import STATUSES, Block, Columns, blocks_of, laid_out, widened
from prelude_store.timeline.moments import EPOCH, moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from prelude_store.connection import Connection

__all__ = ["Comparing", "Finding"]

Finding = tuple[str, str, str]
"""Table, ``kept`` or ``raw``: who says so, and what, as JSON."""

_DAY: Final = timedelta(days=1)
_MAKE: Final = f"CREATE TEMP TABLE prelude_day ON COMMIT DROP AS {TAKEN} LIMIT 0"
_TAKE: Final = f"INSERT INTO pg_temp.prelude_day {TAKEN}"
# A day that is marked is made anew anyway, and so will be one that has rows, or lost pending ones, behind the cursor.
_STATES: Final = "SELECT day, dirty OR built_at IS NULL FROM public.timeline_days"
_NOT_FOLLOWED: Final = """
WITH newer AS (
    SELECT (log."timestamp" AT TIME ZONE 'UTC')::date AS day, log.completes_event_id
    FROM public.ingest_lanes AS lanes LEFT JOIN public.timeline_cursors AS followed USING (lane)
    JOIN public.user_activity_logs AS log ON log.lane = lanes.lane AND log.lane_seq > coalesce(followed.seq, 0) AND log.lane_seq <= lanes.last_seq
)
SELECT day FROM newer
UNION
SELECT pending.day FROM newer JOIN public.timeline_pending AS pending ON pending.event_id = newer.completes_event_id
"""
_KEPT: Final = """
SELECT row_count, user_count, users, counts, first_times, last_times, actions, gaps, times, statuses, services
FROM public.timeline_days WHERE day = %s
"""
_BLOCKS: Final = """
SELECT action_id, row_count, users, ordinals, times, statuses, services FROM public.activity_days WHERE day = %s ORDER BY action_id
"""
_ARRAYS: Final = ("users", "counts", "first_times", "last_times", "actions", "gaps", "times", "statuses", "services")


class Comparing:
    """Compares days.

    Args:
        connection: of a member of ``prelude_keeper``, in a transaction that sees one snapshot, and leaves nothing behind.
        of_log: days of which the log may have rows.
        most: differences of one table and day that are told.
    """

    def __init__(self, connection: Connection, of_log: Iterable[date], most: int) -> None:
        self._connection = connection
        self._most = most
        connection.execute(SETTINGS)
        unsettled: dict[date, bool] = dict(connection.execute(_STATES).fetchall())
        newer = {day for (day,) in connection.execute(_NOT_FOLLOWED)}
        known = {day for day, changes in unsettled.items() if not changes}
        missing = set(of_log) - unsettled.keys()
        self.days: list[date] = sorted((known | missing) - newer)
        self._known = known
        connection.execute(_MAKE.encode(), [EPOCH, EPOCH])
        self._users: dict[int, str] = dict(
            connection.execute("SELECT id, user_email FROM public.timeline_users").fetchall()
        )
        self._actions = {
            number: f"{kind}.{name}"
            for number, kind, name in connection.execute(
                "SELECT id, action_type, action_name FROM public.timeline_actions"
            )
        }
        self._services: dict[int, str] = dict(
            connection.execute("SELECT id, service_name FROM public.timeline_services").fetchall()
        )

    def differences(self, day: date) -> list[Finding]:
        """What is not as the log says of one of `days`."""
        self._connection.execute("TRUNCATE pg_temp.prelude_day")
        self._connection.execute(_TAKE.encode(), [midnight(day), midnight(day) + _DAY])
        rows = read_taken(self._connection)
        if day not in self._known:
            return [("timeline_days", "raw", said) for said in self._told(day, rows)[: self._most]]
        return [*self._of_day(day, rows), *self._of_blocks(day, rows)]

    def _of_day(self, day: date, rows: Columns) -> list[Finding]:
        with self._connection.cursor(binary=True) as cursor:
            stored = cursor.execute(_KEPT.encode(), [day]).fetchone() or ()
        (count, users), kept = stored[:2], dict(zip(_ARRAYS, stored[2:], strict=True))
        raw = laid_out(rows)
        if kept == raw and (count, users) == (len(rows), len(raw["users"]) // rows.users.itemsize):
            return []
        try:
            told = Counter(self._told(day, _columns(count, kept)))
        except (IndexError, ValueError):
            told = Counter()
        said = Counter(self._told(day, rows))
        found = [("timeline_days", "kept", one) for one in list((told - said).elements())[: self._most]]
        found += [("timeline_days", "raw", one) for one in list((said - told).elements())[: self._most]]
        if found:
            return found
        other = [name for name in _ARRAYS if kept[name] != raw[name]] or ["row_count", "user_count"]
        return [("timeline_days", "kept", json.dumps({"day": str(day), "columns": other}))]

    def _of_blocks(self, day: date, rows: Columns) -> list[Finding]:
        with self._connection.cursor(binary=True) as cursor:
            kept = {Block(*block) for block in cursor.execute(_BLOCKS.encode(), [day])}
        raw = set(blocks_of(rows))
        return [
            ("activity_days", side, self._block(day, block))
            for side, blocks in (("kept", kept - raw), ("raw", raw - kept))
            for block in sorted(blocks)[: self._most]
        ]

    def _block(self, day: date, block: Block) -> str:
        action = self._actions.get(block.action_id)
        return json.dumps({"day": str(day), "action": action, "rows": block.row_count})

    def _told(self, day: date, rows: Columns) -> list[str]:
        """Each row, in words."""
        columns = (rows.users, rows.actions, rows.times, rows.statuses, rows.services)
        return [
            json.dumps(
                {
                    "day": str(day),
                    "user_email": self._users.get(user),
                    "action": self._actions.get(action),
                    "timestamp": moment(at).isoformat(),
                    "result_status": STATUSES[status],
                    "service_name": self._services.get(service),
                }
            )
            for user, action, at, status, service in zip(*(column.tolist() for column in columns), strict=True)
        ]


def _columns(count: int, kept: dict[str, Any]) -> Columns:
    """The rows of a stored day.

    Raises:
        ValueError: the arrays do not fit each other.
        IndexError: as above.
    """
    return Columns(
        np.repeat(np.frombuffer(kept["users"], "<i4"), np.frombuffer(kept["counts"], "<i4")),
        np.frombuffer(kept["times"], "<i8"),
        widened(kept["actions"], count),
        np.frombuffer(kept["statuses"], "<u1"),
        widened(kept["services"], count),
    )
