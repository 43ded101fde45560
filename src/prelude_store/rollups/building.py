"""Building anew from raw rows: a list of days, each worked off in a transaction of its own, by whoever comes first.

While the list holds a day, the watermark stands: so each day is built to the same watermark, an interrupted rebuild is gone on with (a keeper
does so by itself), and several may work at once. The days of rollups are independent of each other. Those of sessions add up, so they are
worked off one after the other. Days of which rows went by retention keep their counts (`gone`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.rollups import arrivals, gone, tables
from prelude_store.rollups.state import lock_state
from prelude_store.sessions import keep as sessions

if TYPE_CHECKING:
    from datetime import date, timedelta

    from prelude_store.connection import Connection

__all__ = ["ALL_DAYS", "PARTS", "begin", "build_next", "fill_pending", "fill_superseded", "left", "rebuild_sessions"]

PARTS: Final = ("rollups", "sessions")

_FAR: Final = 500_000
"""Places behind from which on building what is missing as well is quicker than counting it."""

# Every day of a week that has a row, and every day that is counted; the log's own list of days would take reading all of it.
ALL_DAYS: Final = f"""
WITH weeks AS (
    SELECT substring(pg_get_expr(relpartbound, child.oid) FROM 'FROM \\(''([^'']*)''\\)')::timestamptz AS starts
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = 'public.user_activity_logs'::regclass
), days AS (
    SELECT starts + n * interval '1 day' AS day FROM weeks, generate_series(0, 6) AS n
    WHERE EXISTS (SELECT FROM public.user_activity_logs WHERE "timestamp" >= starts AND "timestamp" < starts + interval '7 days')
)
SELECT day::date AS day FROM (
    SELECT day FROM days {" ".join(f"UNION SELECT date_bin('1 day', bucket, 'epoch') FROM public.{table}" for table in tables.TABLES)}
) AS known ORDER BY day
"""  # noqa: S608 (constants)
_LIST: Final = (
    f"INSERT INTO public.rollup_rebuild (part, day) SELECT %s, day FROM ({ALL_DAYS}) AS days ON CONFLICT DO NOTHING"  # noqa: S608
)
_JUMP: Final = """
INSERT INTO public.rollup_cursors AS known (lane, seq) SELECT lane, last_seq FROM public.ingest_lanes
ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq
"""
_SUPERSEDED: Final = """
INSERT INTO {to}.superseded_rows (event_id, lane, lane_seq)
SELECT log.completes_event_id, log.lane, log.lane_seq FROM public.user_activity_logs AS log
JOIN public.rollup_cursors AS passed ON passed.lane = log.lane AND log.lane_seq <= passed.seq
WHERE log.completes_event_id IS NOT NULL AND log.completes_event_id <> log.event_id ORDER BY 1
"""
_PENDING: Final = """
INSERT INTO {to}.pending_rows (event_id, "timestamp")
SELECT event_id, "at" FROM pg_temp.prelude_arrived WHERE result_status = 'pending' AND sign = 1 ORDER BY 1 ON CONFLICT DO NOTHING
"""
# Each its own day, or, of sessions, one after the other: who finds the day taken fails to serialise, and comes again.
_TAKE: Final = {
    "rollups": "SELECT day FROM public.rollup_rebuild WHERE part = 'rollups' ORDER BY day LIMIT 1 FOR UPDATE SKIP LOCKED",
    "sessions": "SELECT day FROM public.rollup_rebuild WHERE part = 'sessions' ORDER BY day LIMIT 1 FOR UPDATE",
}


def begin(connection: Connection) -> int:
    """List every day, of rollups and sessions; gives how many. Where much is not counted yet, the watermark jumps to now."""
    with connection.transaction():
        state = lock_state(connection, exclusive=True)
        connection.execute("DELETE FROM public.rollup_rebuild")
        if state.behind > _FAR or not any(state.cursors.values()):
            connection.execute(_JUMP)
            connection.execute("UPDATE public.rollup_state SET as_of = now()")
        else:
            connection.execute("UPDATE public.rollup_state SET as_of = as_of")  # who waits for the lock begins anew
        connection.execute("DELETE FROM public.superseded_rows")
        fill_superseded(connection)
        connection.execute("DELETE FROM public.pending_rows")
        connection.execute(_LIST, ["rollups"])
        _clear_sessions(connection)
        return left(connection)


def rebuild_sessions(connection: Connection, gap: timedelta) -> None:
    """List every day of sessions, to be made with another `gap`."""
    with connection.transaction():
        lock_state(connection, exclusive=True)
        connection.execute("UPDATE public.rollup_state SET session_gap = %s", [gap])
        _clear_sessions(connection)


def build_next(connection: Connection, part: str | None = None) -> bool:
    """Build the next day of the list, in a transaction of its own; False when there is none that is free.

    Args:
        part: of `PARTS`; None takes whichever there is.

    Raises:
        psycopg.errors.SerializationFailure: somebody else took it; nothing was done.
    """
    if part is None:
        return build_next(connection, "rollups") or build_next(connection, "sessions")
    with connection.transaction():
        state = lock_state(connection, exclusive=False)
        found = connection.execute(_TAKE[part].encode()).fetchone()
        if found is None:
            return False
        day: date = found[0]
        connection.execute("DELETE FROM public.rollup_rebuild WHERE part = %s AND day = %s", [part, day])
        if part == "rollups":
            rows = arrivals.take_day(connection, day)
            if gone.is_gone(connection, day):
                forgotten = gone.build_day(connection, day)
            else:
                forgotten = tables.forget_day(connection, day)
                tables.add(connection, fresh=True)
            if rows or forgotten:
                tables.tell_day(connection, day)
            fill_pending(connection)
        else:
            arrivals.take_day_in_sessions(connection, day)
            sessions.add(connection, state.session_gap)
    return True


def left(connection: Connection) -> int:
    """Days that are still to be built."""
    row = connection.execute("SELECT count(*) FROM public.rollup_rebuild").fetchone()
    return int(row[0]) if row else 0


def fill_superseded(connection: Connection, to: str = "public") -> None:
    """Who was ended, at the watermark, from raw rows."""
    connection.execute(_SUPERSEDED.replace("{to}", to).encode())


def fill_pending(connection: Connection, to: str = "public") -> None:
    """The pending rows that count, among ``prelude_arrived``."""
    connection.execute(_PENDING.replace("{to}", to).encode())


def _clear_sessions(connection: Connection) -> None:
    connection.execute("DELETE FROM public.user_session_summaries")
    connection.execute("DELETE FROM public.rollup_rebuild WHERE part = 'sessions'")
    connection.execute(_LIST, ["sessions"])
