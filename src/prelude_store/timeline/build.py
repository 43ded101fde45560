"""Days of the timeline are made from the log, each in a transaction of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from prelude_store.connection import Connection, connect
from prelude_store.timeline.columns import Columns, blocks_of, laid_out
from prelude_store.timeline.follow import LOCK, dirty_days, is_dirty, mark_all
from prelude_store.timeline.rows import COUNTED, SERVICE, STATUS_CODE

__all__ = ["SETTINGS", "TAKEN", "build_all", "build_days", "midnight", "read_taken"]

_DAY_LONG: Final = timedelta(days=1)

# The tables of names are small, and this connection never learns how small: a hash of each is right.
SETTINGS: Final = """
SELECT set_config(name, value, true) FROM (
    VALUES ('work_mem', '128MB'), ('enable_nestloop', 'off'), ('enable_mergejoin', 'off'), ('jit', 'off')
) AS settings (name, value)
"""

TAKEN: Final = f"""
SELECT (extract(epoch FROM log."timestamp") * 1000000)::bigint AS at, log.user_email, log.action_type, log.action_name,
    {STATUS_CODE} AS status, {SERVICE} AS service_name, log.lane, log.lane_seq, log.event_id
FROM public.user_activity_logs AS log
WHERE log."timestamp" >= %s AND log."timestamp" < %s AND log.user_email <> '' AND {COUNTED}
"""  # noqa: S608 (constants)
"""The rows of a stretch of time that the timeline has."""
_TAKE: Final = f"CREATE TEMP TABLE prelude_day ON COMMIT DROP AS {TAKEN}"
_NAME: Final = (
    """
INSERT INTO public.timeline_users (user_email)
SELECT DISTINCT user_email FROM pg_temp.prelude_day AS new
WHERE NOT EXISTS (SELECT FROM public.timeline_users AS known WHERE known.user_email = new.user_email) ON CONFLICT DO NOTHING
""",
    """
INSERT INTO public.timeline_actions (action_type, action_name)
SELECT DISTINCT action_type, action_name FROM pg_temp.prelude_day AS new WHERE NOT EXISTS (
    SELECT FROM public.timeline_actions AS known WHERE (known.action_type, known.action_name) = (new.action_type, new.action_name)
) ON CONFLICT DO NOTHING
""",
    """
INSERT INTO public.timeline_services (service_name)
SELECT DISTINCT service_name FROM pg_temp.prelude_day AS new
WHERE NOT EXISTS (SELECT FROM public.timeline_services AS known WHERE known.service_name = new.service_name)
    AND service_name <> '' ON CONFLICT DO NOTHING
""",
)
# One value a column: a message for each row would cost more than all else.
_READ: Final = """
SELECT coalesce(string_agg(int4send(user_id), ''), ''), coalesce(string_agg(int8send(at), ''), ''),
    coalesce(string_agg(int4send(action_id), ''), ''), coalesce(string_agg(int2send(status), ''), ''),
    coalesce(string_agg(int4send(service_id), ''), '')
FROM (
    SELECT users.id AS user_id, day.at, actions.id AS action_id, day.status::smallint, coalesce(services.id, 0) AS service_id
    FROM pg_temp.prelude_day AS day JOIN public.timeline_users AS users USING (user_email)
    JOIN public.timeline_actions AS actions USING (action_type, action_name)
    LEFT JOIN public.timeline_services AS services USING (service_name)
    ORDER BY users.id, day.at, day.lane, day.lane_seq, day.event_id
) AS in_order
"""
_SENT: Final = (">i4", ">i8", ">i4", ">i2", ">i4")
_KEPT: Final = ("<i4", "<i8", "<i4", "<u1", "<i4")

_DAY: Final = """
INSERT INTO public.timeline_days (
    day, dirty, built_at, built_ms, row_count, user_count, users, counts, first_times, last_times, actions, gaps, times, statuses, services
) VALUES (%s, false, now(), %s, %s, %s, %b, %b, %b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (day) DO UPDATE SET dirty = false, built_at = now(), built_ms = excluded.built_ms, row_count = excluded.row_count,
    user_count = excluded.user_count, users = excluded.users, counts = excluded.counts, first_times = excluded.first_times,
    last_times = excluded.last_times, actions = excluded.actions, gaps = excluded.gaps, times = excluded.times,
    statuses = excluded.statuses, services = excluded.services
"""
_ACTION: Final = "INSERT INTO public.activity_days VALUES (%s, %s, %s, %b, %b, %b, %b, %b)"


def build_days(connection: Connection, days: Iterable[date]) -> int:
    """Make `days` anew from the log, each in a transaction of its own; a reader sees the old day or the new one.

    Args:
        connection: of a member of ``prelude_keeper``, in autocommit mode.

    Returns:
        How many rows they hold.
    """
    return sum(_build(connection, day) for day in days)


def build_all(conninfo: str, progress: Callable[[int, int], None] | None = None, *, go_on: bool = False) -> int:
    """Make every day of the log anew, with what committed until now. A keeper helps.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``.
        progress: told how many days are done, and how many there are.
        go_on: with the days alone that were marked before, and are not made yet.

    Returns:
        How many rows the timeline holds.
    """
    with connect(conninfo, "prelude-timeline") as connection:
        days = dirty_days(connection) if go_on else mark_all(connection)
        for done, day in enumerate(days, 1):
            if is_dirty(connection, day):
                _build(connection, day)
            if progress is not None:
                progress(done, len(days))
        row = connection.execute("SELECT coalesce(sum(row_count), 0) FROM public.timeline_days").fetchone()
        return int(row[0]) if row else 0


def _build(connection: Connection, day: date) -> int:
    began = time.monotonic()
    starts = midnight(day)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(SETTINGS)
        connection.execute(_TAKE.encode(), [starts, starts + _DAY_LONG])
        for statement in _NAME:
            connection.execute(statement.encode())
        rows = read_taken(connection)
        connection.execute("DELETE FROM public.activity_days WHERE day = %s", [day])
        _store(connection, day, rows, began)
    return len(rows)


def midnight(day: date) -> datetime:
    """When a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def read_taken(connection: Connection) -> Columns:
    """What ``pg_temp.prelude_day`` holds of `TAKEN`, by the numbers that its names have."""
    with connection.cursor(binary=True) as cursor:
        sent = cursor.execute(_READ.encode()).fetchone() or ()
    return Columns(*(np.frombuffer(one, of).astype(kept) for one, of, kept in zip(sent, _SENT, _KEPT, strict=True)))


def _store(connection: Connection, day: date, rows: Columns, began: float) -> None:
    arrays = laid_out(rows)
    users = len(arrays["users"]) // rows.users.itemsize
    built_ms = int((time.monotonic() - began) * 1000)
    connection.execute(_DAY.encode(), [day, built_ms, len(rows), users, *arrays.values()])
    for block in blocks_of(rows):
        connection.execute(_ACTION.encode(), [day, *block])
