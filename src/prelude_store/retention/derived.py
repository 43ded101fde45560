"""What was made of rows that go, or of personal parts of them, goes in the same transaction; counts stand.

``prelude_gone`` says of which days which actions go. `mending` sees to sessions and pending rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.rollups import arrivals, tables
from prelude_store.timeline.follow import LOCK as TIMELINE_LOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, timedelta

    from prelude_store.connection import Connection

__all__ = ["MAKE", "cut", "forget", "lock", "note", "remake", "unmake", "users"]

MAKE: Final = (
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_gone (
    day date, action_type text, action_name text, rows bigint, persons bigint, contents bigint
)
""",
)

_TABLES: Final = (
    "prelude_gone", "prelude_going", "prelude_revived", "prelude_broken", "prelude_arrived", "prelude_amended", "prelude_ended",
)  # fmt: skip
_EMPTY: Final = "; ".join(f"DELETE FROM pg_temp.{table}" for table in _TABLES).encode()  # noqa: S608 (constants)
_CUT: Final = f"TRUNCATE {', '.join(f'pg_temp.{table}' for table in _TABLES)}".encode()
_TOUCH: Final = "UPDATE public.rollup_state SET as_of = as_of RETURNING session_gap"
_NOTE: Final = """
INSERT INTO public.retention_days AS known (day, action_type, action_name, rows, persons, contents)
SELECT day, action_type, action_name, rows, persons, contents FROM pg_temp.prelude_gone ORDER BY day, action_type, action_name
ON CONFLICT (day, action_type, action_name) DO UPDATE SET rows = known.rows + excluded.rows,
    persons = known.persons + excluded.persons, contents = known.contents + excluded.contents
"""
_ON_IT: Final = "rollup.bucket >= gone.day::timestamp AT TIME ZONE 'UTC' AND rollup.bucket < (gone.day + 1)::timestamp AT TIME ZONE 'UTC'"
_SENDERS: Final = f"""
WITH taken AS (
    DELETE FROM public.email_rollups AS rollup
    USING (SELECT DISTINCT day, action_name FROM pg_temp.prelude_gone WHERE rows + persons > 0) AS gone
    WHERE rollup.grain IN (15, 1440) AND {_ON_IT} AND rollup.action_name = gone.action_name AND rollup.user_email <> ''
    RETURNING rollup.grain, rollup.bucket, rollup.action_name, rollup.method, rollup.result_status, rollup.count
)
INSERT INTO public.email_rollups AS known (grain, bucket, user_email, action_name, method, result_status, count)
SELECT grain, bucket, '', action_name, method, result_status, sum(count) FROM taken GROUP BY 1, 2, 4, 5, 6
ON CONFLICT (grain, bucket, user_email, action_name, method, result_status) DO UPDATE SET count = known.count + excluded.count
"""  # noqa: S608 (constants)
_VIEWERS: Final = f"""
UPDATE public.customer_rollups AS rollup SET user_emails = '{{}}'
FROM (SELECT DISTINCT day, action_name FROM pg_temp.prelude_gone) AS gone
WHERE rollup.grain IN (15, 1440) AND {_ON_IT} AND rollup.action_name = gone.action_name AND rollup.user_emails <> '{{}}'
"""  # noqa: S608 (constants)
_USERS: Final = f"""
DELETE FROM public.user_rollups AS rollup
USING (SELECT DISTINCT day, action_type FROM pg_temp.prelude_gone WHERE rows + persons > 0) AS gone
WHERE rollup.grain IN (15, 60, 1440) AND {_ON_IT} AND rollup.action_type = gone.action_type
"""  # noqa: S608 (constants)
_THEIRS: Final = f"""
DELETE FROM public.user_rollups AS rollup USING unnest(%(emails)s::text[], %(days)s::date[]) AS gone (user_email, day)
WHERE rollup.grain IN (15, 60, 1440) AND {_ON_IT} AND rollup.user_email = public.prelude_key(gone.user_email)
"""  # noqa: S608 (constants)
_TELL: Final = """
INSERT INTO public.rollup_days (day, version)
SELECT day, (SELECT nextval('public.rollup_versions')) FROM (SELECT DISTINCT day FROM pg_temp.prelude_gone ORDER BY 1) AS days
ON CONFLICT (day) DO UPDATE SET version = excluded.version
"""
# Answers read such a day from the log. It is called dirty, and so made anew, when all of it went that is to go.
_TIMELINE: Final = """
WITH days AS (SELECT DISTINCT day FROM pg_temp.prelude_gone WHERE rows + persons > 0), unmade AS (
    DELETE FROM public.timeline_days AS made USING days WHERE made.day = days.day AND (made.built_at IS NOT NULL OR %(drop)s) RETURNING made.day
)
SELECT day FROM unmade WHERE NOT %(drop)s
"""
_UNMADE: Final = "INSERT INTO public.timeline_days (day, dirty) SELECT unnest(%s::date[]), false ON CONFLICT DO NOTHING"
_REMAKE: Final = "UPDATE public.timeline_days SET dirty = true WHERE NOT dirty AND built_at IS NULL"


def lock(connection: Connection) -> timedelta:
    """Keep rollups, sessions and timeline as they are until the transaction ends; gives the gap of sessions. Before any row is locked.

    What an earlier transaction has left in the temporary tables goes: to have that done at each COMMIT would cut their files, and who writes
    waits for the disk behind that.

    A pass or a rebuild that waits for us begins anew, and sees what we did.
    """
    connection.execute(_EMPTY, prepare=False)  # several statements
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [TIMELINE_LOCK])
    row = connection.execute(_TOUCH).fetchone()
    assert row is not None  # noqa: S101 (a table of one row)
    gap: timedelta = row[0]
    return gap


def cut(connection: Connection) -> None:
    """Let go of what is deleted in the temporary tables, which every look passes over; now and then."""
    connection.execute(_CUT)


def note(connection: Connection) -> None:
    """Say of ``prelude_gone`` that it went: from then on its counts stand."""
    connection.execute(_NOTE)


def forget(connection: Connection, *, drop: bool = False) -> None:
    """Take what is personal of ``prelude_gone`` out of rollups, and out of the timeline; but for what `users` and `mending` do.

    Args:
        drop: no row is left on those days.
    """
    for statement in (_SENDERS, _VIEWERS, _TELL, *((_USERS,) if drop else ())):
        connection.execute(statement.encode())
    unmake(connection, drop=drop)


def unmake(connection: Connection, *, drop: bool = False) -> None:
    """Take the days of ``prelude_gone`` out of the timeline."""
    unmade = [day for (day,) in connection.execute(_TIMELINE, {"drop": drop})]
    if unmade:
        connection.execute(_UNMADE, [unmade])


def users(connection: Connection, days: Sequence[tuple[str, date]]) -> None:
    """Count anew what users did on days (UTC) of ``prelude_gone``, of the rows that are left; behind the change.

    Args:
        days: address and day.
    """
    if not days:
        return
    asked = {"emails": [email for email, _ in days], "days": [day for _, day in days]}
    connection.execute(_THEIRS.encode(), asked)
    if arrivals.take_days_of_users(connection, days):
        tables.add_users(connection)
    connection.execute("DELETE FROM pg_temp.prelude_arrived")
    connection.execute(_TELL)


def remake(connection: Connection) -> None:
    """Have the timeline make the days anew of which all went that was to go."""
    connection.execute(_REMAKE)
