"""Which days have changed: the lanes are followed with a cursor of our own."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["LOCK", "dirty_days", "follow", "is_dirty", "mark_all"]

LOCK: Final = 0x74696D65  # "time"
"""Advisory lock of who follows or builds: one at a time, so that a day is never called clean that has rows to come."""

_PORTION: Final = 200_000

_BEHIND: Final = """
SELECT lane, coalesce(seq, 0), last_seq FROM public.ingest_lanes LEFT JOIN public.timeline_cursors USING (lane)
WHERE last_seq > coalesce(seq, 0) ORDER BY lane
"""
# A completion also changes the day of the pending row that it ends. One that is seen together with it changes it by itself.
_MARK: Final = """
WITH seen AS MATERIALIZED (
    SELECT event_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day, result_status = 'pending' AS pending, user_email <> '' AS somebody,
        completes_event_id
    FROM public.user_activity_logs WHERE lane = %(lane)s AND lane_seq > %(seen)s AND lane_seq <= %(until)s
), remembered AS (
    INSERT INTO public.timeline_pending (event_id, day) SELECT event_id, day FROM seen WHERE pending ON CONFLICT DO NOTHING
)
INSERT INTO public.timeline_days (day)
SELECT day FROM seen WHERE somebody
UNION
SELECT pending.day FROM seen JOIN public.timeline_pending AS pending ON pending.event_id = seen.completes_event_id
ORDER BY 1 ON CONFLICT (day) DO UPDATE SET dirty = true WHERE NOT timeline_days.dirty
"""
_MOVE_ON: Final = """
INSERT INTO public.timeline_cursors (lane, seq) VALUES (%(lane)s, %(until)s) ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq
"""
_FOLLOWED: Final = "UPDATE public.timeline_state SET followed_at = now()"

_ALL_PENDING: Final = """
INSERT INTO public.timeline_pending (event_id, day)
SELECT event_id, ("timestamp" AT TIME ZONE 'UTC')::date FROM public.user_activity_logs WHERE result_status = 'pending'
ON CONFLICT DO NOTHING
"""
_ALL_DAYS: Final = """
INSERT INTO public.timeline_days (day)
SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date FROM public.user_activity_logs
ON CONFLICT (day) DO UPDATE SET dirty = true
"""
_ALL_CURSORS: Final = """
INSERT INTO public.timeline_cursors (lane, seq) SELECT lane, last_seq FROM public.ingest_lanes
ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq
"""


def follow(connection: Connection, portion: int = _PORTION) -> bool:
    """Mark the days of what committed since the last time, at most `portion` places of the lanes, in one transaction.

    Returns:
        Whether there is more.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        left = portion
        for lane, seen, last in connection.execute(_BEHIND).fetchall():
            until = min(last, seen + left)
            places: dict[str, Any] = {"lane": lane, "seen": seen, "until": until}
            connection.execute(_MARK, places)
            connection.execute(_MOVE_ON, places)
            left -= until - seen
            if until < last:
                return True
        connection.execute(_FOLLOWED)
    return False


def mark_all(connection: Connection) -> list[date]:
    """Mark every day of the log and of the timeline, and put the cursor behind all that is committed; gives the days."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(_ALL_CURSORS)  # first: what commits from here on is found by its place
        connection.execute(_ALL_PENDING)
        connection.execute("UPDATE public.timeline_days SET dirty = true")
        connection.execute(_ALL_DAYS)
        connection.execute(_FOLLOWED)
        rows = connection.execute("SELECT day FROM public.timeline_days ORDER BY day").fetchall()
    return [day for (day,) in rows]


def dirty_days(connection: Connection) -> list[date]:
    """The days that are marked."""
    return [day for (day,) in connection.execute("SELECT day FROM public.timeline_days WHERE dirty ORDER BY day")]


def is_dirty(connection: Connection, day: date) -> bool:
    """Whether `day` is marked."""
    found = connection.execute("SELECT dirty FROM public.timeline_days WHERE day = %s", [day]).fetchone()
    return found is not None and bool(found[0])
