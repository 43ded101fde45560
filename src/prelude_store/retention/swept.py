"""What was made of a week that has left the log, or points to its rows, goes: by time, without looking at each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from prelude_store.retention import derived, mending

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.retention.weeks import Leaving

__all__ = ["sweep_away"]

_PORTION: Final = 20_000
"""Session summaries that go in one transaction."""

_DAYS: Final = """
SELECT generate_series(%(starts)s::timestamptz, %(ends)s::timestamptz - interval '1 day', interval '1 day')::date
"""
_GONE: Final = """
INSERT INTO pg_temp.prelude_gone
SELECT day, action_type, action_name, rows, persons, contents FROM public.retention_days WHERE day = %s AND rows > 0
"""
_POINTING: Final = (
    'DELETE FROM public.pending_rows WHERE "timestamp" >= %(starts)s AND "timestamp" < %(ends)s',
    "DELETE FROM public.timeline_pending WHERE day >= %(starts)s::date AND day < %(ends)s::date",
    'DELETE FROM public.id_sweep_untimed WHERE "timestamp" >= %(starts)s AND "timestamp" < %(ends)s',
    """
DELETE FROM public.repeated_event_ids
WHERE "timestamp" >= %(starts)s AND "timestamp" < %(ends)s OR other_timestamp >= %(starts)s AND other_timestamp < %(ends)s
""",
)
# As `going` has it, with what was the partition in place of the list.
_REVIVE: Final = """
WITH freed AS (
    DELETE FROM public.superseded_rows AS ended USING public.{} AS gone
    WHERE gone.completes_event_id IS NOT NULL AND ended.event_id = gone.completes_event_id AND ended.lane = gone.lane
        AND ended.lane_seq = gone.lane_seq
    RETURNING ended.event_id
), revived AS (
    SELECT log.event_id, log."timestamp", pending.day, log.user_email, log.session_id
    FROM (SELECT DISTINCT event_id FROM freed) AS freed JOIN public.timeline_pending AS pending USING (event_id)
    CROSS JOIN LATERAL (
        SELECT * FROM public.user_activity_logs AS log WHERE log.event_id = freed.event_id AND log.result_status = 'pending'
            AND log."timestamp" >= pending.day::timestamp AT TIME ZONE 'UTC' AND log."timestamp" < (pending.day + 1)::timestamp AT TIME ZONE 'UTC'
        OFFSET 0
    ) AS log
)
INSERT INTO pg_temp.prelude_revived SELECT * FROM revived
"""
_WITHIN: Final = """
DELETE FROM public.user_session_summaries WHERE (user_email, session_id, derived) IN (
    SELECT user_email, session_id, derived FROM public.user_session_summaries
    WHERE started_at >= %(starts)s AND started_at < %(ends)s AND ended_at < %(ends)s ORDER BY started_at LIMIT %(portion)s
)
"""
_ACROSS: Final = """
WITH broken AS (
    DELETE FROM public.user_session_summaries WHERE started_at < %(ends)s AND ended_at >= %(starts)s
    RETURNING user_email, CASE WHEN derived THEN '' ELSE session_id END, derived, started_at, ended_at
)
INSERT INTO pg_temp.prelude_broken SELECT * FROM broken
"""


def sweep_away(connection: Connection, leaving: Leaving) -> None:
    """Forget what was made of a partition that is detached, a part in a transaction; again, it finds nothing more to do.

    Args:
        connection: of a member of ``prelude_governor``, in autocommit mode, with the tables of `going.MAKE`.
    """
    bounds: dict[str, Any] = {"starts": leaving.starts, "ends": leaving.ends}
    for (day,) in connection.execute(_DAYS, bounds).fetchall():
        with connection.transaction():
            derived.lock(connection)
            connection.execute(_GONE, [day])
            derived.forget(connection, drop=True)
    with connection.transaction():
        gap = derived.lock(connection)
        connection.execute(sql.SQL(_REVIVE).format(sql.Identifier(leaving.name)))
        mending.list_revived(connection)
        for statement in _POINTING:
            connection.execute(statement.encode(), bounds)
        mending.mend_sessions(connection, gap)
    while connection.execute(_WITHIN, bounds | {"portion": _PORTION}).rowcount:
        pass
    with connection.transaction():
        gap = derived.lock(connection)
        if connection.execute(_ACROSS, bounds).rowcount:
            mending.mend(connection, gap)
