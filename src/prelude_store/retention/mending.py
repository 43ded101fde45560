"""What is left of sessions of which rows go, and of pending rows whose completion goes.

``prelude_going`` holds the rows that go, ``prelude_revived`` pending rows that are not ended any more, ``prelude_broken`` sessions whose
summaries are gone and are to be made of what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.rollups import arrivals
from prelude_store.sessions import keep as sessions

if TYPE_CHECKING:
    from datetime import timedelta

    from prelude_store.connection import Connection

__all__ = ["MAKE", "list_revived", "mend", "mend_sessions"]

MAKE: Final = (
    *arrivals.MAKE_TO_KEEP,
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_going (
    event_id uuid, "at" timestamptz, lane integer, lane_seq bigint, day date, action_type text, action_name text, user_email text,
    session_id text, completes_event_id uuid, of_session boolean, rows_policy bigint, person_policy bigint, device_policy bigint,
    content_policy bigint
)
""",
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_revived (
    event_id uuid, "at" timestamptz, day date, user_email text, session_id text
)
""",
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_broken (
    user_email text, session_id text, derived boolean, started_at timestamptz, ended_at timestamptz
)
""",
)

_LIST_REVIVED: Final = (
    """
INSERT INTO public.rollup_rebuild (part, day)
SELECT DISTINCT 'rollups', day FROM pg_temp.prelude_revived ORDER BY 2 ON CONFLICT DO NOTHING
""",
    """
INSERT INTO public.timeline_days (day)
SELECT DISTINCT day FROM pg_temp.prelude_revived ORDER BY 1 ON CONFLICT (day) DO UPDATE SET dirty = true
""",
)
_TOUCHED: Final = """
(SELECT user_email, session_id, "at" FROM pg_temp.prelude_going WHERE of_session
UNION ALL SELECT user_email, session_id, "at" FROM pg_temp.prelude_revived WHERE user_email <> '')
"""
_BREAK: Final = (
    f"""
WITH broken AS (
    DELETE FROM public.user_session_summaries AS session
    USING (SELECT DISTINCT user_email, public.prelude_key(session_id, 1000) AS session_id FROM {_TOUCHED} AS touched WHERE session_id <> '') AS touched
    WHERE NOT session.derived AND session.user_email = public.prelude_key(touched.user_email) AND session.session_id = touched.session_id
    RETURNING touched.user_email, session.session_id, session.started_at, session.ended_at
)
INSERT INTO pg_temp.prelude_broken SELECT user_email, session_id, false, started_at, ended_at FROM broken
""",  # noqa: S608 (constants)
    f"""
WITH broken AS (
    DELETE FROM public.user_session_summaries AS session
    USING (SELECT user_email, "at" FROM {_TOUCHED} AS touched WHERE coalesce(session_id, '') = '') AS touched
    WHERE session.derived AND session.user_email = public.prelude_key(touched.user_email)
        AND touched."at" >= session.started_at AND touched."at" <= session.ended_at
    RETURNING touched.user_email, session.started_at, session.ended_at
)
INSERT INTO pg_temp.prelude_broken SELECT user_email, '', true, started_at, ended_at FROM broken
""",  # noqa: S608 (constants)
)


def list_revived(connection: Connection) -> None:
    """Have the days of ``prelude_revived`` counted, and told by the timeline, again."""
    for statement in _LIST_REVIVED:
        connection.execute(statement.encode())


def mend_sessions(connection: Connection, gap: timedelta) -> None:
    """Make the sessions that ``prelude_going`` and ``prelude_revived`` touch of the rows that are left of them; behind the change.

    Args:
        gap: as `derived.lock` gives it.
    """
    broken = sum(connection.execute(statement.encode()).rowcount for statement in _BREAK)
    if broken:
        mend(connection, gap)


def mend(connection: Connection, gap: timedelta) -> None:
    """Make the sessions in ``prelude_broken``, whose summaries are gone, of the rows that are left of them."""
    if arrivals.take_sessions(connection):
        sessions.add(connection, gap)
