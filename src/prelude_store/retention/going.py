"""Rows that go, or lose columns, a batch in a transaction: and with them all that was made of them or points to them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_store.governance import holds
from prelude_store.governance.changes import CLASSES, RowKey, changing
from prelude_store.one_by_one import one_by_one
from prelude_store.retention import derived, mending
from prelude_store.retention.due import DAY, UNCOUNTED, due
from prelude_store.retention.policy import ROWS, WHATS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from prelude_store.connection import Connection
    from prelude_store.portion import Portion
    from prelude_store.retention.due import Due
    from prelude_store.retention.policy import Policy

__all__ = ["MAKE", "Gone", "list_due", "take_batch"]

MAKE: Final = (
    *derived.MAKE,
    *mending.MAKE,
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_due (
    place bigint PRIMARY KEY, event_id uuid, "at" timestamptz, action_type text, action_name text, whose boolean
)
""",
)

_ANY_POLICY: Final = "coalesce(rows_policy, person_policy, device_policy, content_policy)"
# By user: what is made of a user's day is then mended once, and not for every batch.
_LIST: Final = f"""
INSERT INTO pg_temp.prelude_due
SELECT row_number() OVER (ORDER BY log.user_email, log."timestamp", log.event_id), log.event_id, log."timestamp",
    CASE WHEN coalesce(rows_policy, person_policy, content_policy) IS NOT NULL THEN log.action_type END, public.prelude_key(log.action_name),
    coalesce(rows_policy, person_policy) IS NOT NULL
FROM public.user_activity_logs AS log LEFT JOIN public.rollup_cursors AS passed USING (lane)
CROSS JOIN LATERAL (SELECT {{columns}}) AS judged
WHERE log."timestamp" >= %(starts)s AND log."timestamp" < %(ends)s AND {_ANY_POLICY} IS NOT NULL
    AND {{holds}} IS NULL AND NOT {UNCOUNTED}
"""  # noqa: S608 (constants)
# From here on the counts of what is listed stand, and no rebuild makes them of fewer rows.
_MARK: Final = """
INSERT INTO pg_temp.prelude_gone
SELECT ("at" AT TIME ZONE 'UTC')::date, action_type, action_name, 0, count(*) FILTER (WHERE whose), count(*) FROM pg_temp.prelude_due
WHERE action_type IS NOT NULL GROUP BY 1, 2, 3
"""
_MARKED: Final = """
INSERT INTO public.retention_days (day, action_type, action_name)
SELECT day, action_type, action_name FROM pg_temp.prelude_gone ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
"""
# Judged again: it may be held by now, or changed, or be counted anew. Locked in the order in which writers lock.
_TAKE: Final = f"""
INSERT INTO pg_temp.prelude_going
SELECT log.event_id, log."timestamp", log.lane, log.lane_seq, {DAY}, log.action_type, public.prelude_key(log.action_name), log.user_email,
    log.session_id, nullif(log.completes_event_id, log.event_id),
    log.user_email <> '' AND (rows_policy IS NOT NULL OR person_policy IS NOT NULL
        OR content_policy IS NOT NULL AND log.page_route IS NULL AND log.page_url IS NOT NULL),
    rows_policy, person_policy, device_policy, content_policy
FROM pg_temp.prelude_due AS listed
JOIN public.user_activity_logs AS log ON log."timestamp" = listed."at" AND log.event_id = listed.event_id
LEFT JOIN public.rollup_cursors AS passed ON passed.lane = log.lane
CROSS JOIN LATERAL (SELECT {{columns}}) AS judged
WHERE listed.place > %(behind)s AND listed.place <= %(upto)s
    AND {_ANY_POLICY} IS NOT NULL AND {{holds}} IS NULL AND NOT {UNCOUNTED}
ORDER BY log."timestamp", log.event_id FOR UPDATE OF log
"""  # noqa: S608 (constants)
_TAKEN: Final = """
SELECT lane, lane_seq, event_id, "at", rows_policy, person_policy, device_policy, content_policy FROM pg_temp.prelude_going
ORDER BY lane, lane_seq
"""
_THEM: Final = 'log."timestamp" = going."at" AND log.event_id = going.event_id'
_REMOVE: Final = f"""
DELETE FROM public.user_activity_logs AS log USING pg_temp.prelude_going AS going WHERE {_THEM} AND going.rows_policy IS NOT NULL
"""  # noqa: S608 (constants)
_ERASE: Final = f"""
UPDATE public.user_activity_logs AS log SET {
    ", ".join(
        f"{column} = CASE WHEN going.{cls}_policy IS NULL THEN log.{column} END"
        for cls, columns in CLASSES.items()
        for column in columns
    )
}, content_hash = ''
FROM pg_temp.prelude_going AS going WHERE {_THEM} AND going.rows_policy IS NULL
"""  # noqa: S608 (constants)

_GONE: Final = """
INSERT INTO pg_temp.prelude_gone
SELECT day, action_type, action_name, count(rows_policy), count(person_policy), count(content_policy) FROM pg_temp.prelude_going
GROUP BY 1, 2, 3 HAVING count(rows_policy) + count(person_policy) + count(content_policy) > 0
"""
_USERS_DAYS: Final = """
SELECT DISTINCT user_email, day FROM pg_temp.prelude_going
WHERE user_email <> '' AND (rows_policy IS NOT NULL OR person_policy IS NOT NULL) ORDER BY 1, 2
"""
# One statement: it costs a batch one round trip.
_POINT_AWAY: Final = """
WITH gone AS (
    SELECT event_id, "at", day FROM pg_temp.prelude_going WHERE rows_policy IS NOT NULL
), of_rollups AS (
    DELETE FROM public.pending_rows AS pending USING gone WHERE pending.event_id = gone.event_id AND pending."timestamp" = gone."at"
), of_timeline AS (
    DELETE FROM public.timeline_pending AS pending USING gone WHERE pending.event_id = gone.event_id AND pending.day = gone.day
), of_sweep AS (
    DELETE FROM public.id_sweep_untimed AS untimed USING gone WHERE untimed.event_id = gone.event_id AND untimed."timestamp" = gone."at"
)
DELETE FROM public.repeated_event_ids AS repeated USING gone
WHERE repeated.event_id = gone.event_id AND gone."at" IN (repeated."timestamp", repeated.other_timestamp)
"""
# A pending row whose completion went is one that was never ended, as the log tells it from now on.
_REVIVE: Final = """
WITH freed AS (
    DELETE FROM public.superseded_rows AS ended USING pg_temp.prelude_going AS going
    WHERE going.rows_policy IS NOT NULL AND ended.event_id = going.completes_event_id AND ended.lane = going.lane
        AND ended.lane_seq = going.lane_seq
    RETURNING ended.event_id
)
INSERT INTO pg_temp.prelude_revived
SELECT log.event_id, log."timestamp", pending.day, log.user_email, log.session_id
FROM (SELECT DISTINCT event_id FROM freed) AS freed JOIN public.timeline_pending AS pending USING (event_id)
CROSS JOIN LATERAL (
    SELECT * FROM public.user_activity_logs AS log WHERE log.event_id = freed.event_id AND log.result_status = 'pending'
        AND log."timestamp" >= pending.day::timestamp AT TIME ZONE 'UTC' AND log."timestamp" < (pending.day + 1)::timestamp AT TIME ZONE 'UTC'
    OFFSET 0
) AS log
"""


class Gone(NamedTuple):
    """What a batch did.

    Args:
        rows: that were removed.
        columns: classes of rows that were erased.
        seconds: that it held locks on rows.
    """

    rows: int = 0
    columns: int = 0
    seconds: float = 0.0


def list_due(connection: Connection, is_due: Due, starts: datetime, ends: datetime) -> int:
    """List what is due of a stretch of time in ``prelude_due``, and nothing that is held; gives how many rows.

    What rollups say of people in it is forgotten at once.
    """
    statement = _LIST.format(columns=is_due.columns, holds=is_due.holds)
    bounds = {"starts": starts, "ends": ends}
    with connection.transaction():
        derived.lock(connection)
        connection.execute("TRUNCATE pg_temp.prelude_due")
        listed = connection.execute(statement.encode(), is_due.parameters | bounds).rowcount
        connection.execute(_MARK)
        connection.execute(_MARKED)
        derived.forget(connection)
    connection.execute("ANALYZE pg_temp.prelude_due")
    return listed


def take_batch(
    connection: Connection,
    lane: int,
    act_of: Callable[[int], int],
    policies: Sequence[Policy],
    now: datetime,
    bounds: Mapping[str, Any],
    portion: Portion,
) -> Gone:
    """Let a part of what is listed go, in a transaction of its own.

    Args:
        connection: of a member of ``prelude_governor``, in autocommit mode, with the tables of `MAKE`.
        lane: as `acts.record_act`.
        act_of: gives the act for the policy of that id, recorded in this transaction or before.
        now: that is judged by.
        bounds: ``behind`` and ``upto``: places on the list.
        portion: is told when it begins and ends.

    Raises:
        portion.TOO_LONG: it took too long, and is undone.
    """
    size = bounds["upto"] - bounds["behind"]
    with connection.transaction():
        gap = derived.lock(connection)
        holds.stand_still(connection)
        portion.begin(connection, size)
        is_due = due(policies, now, holds.held(connection))
        if is_due is None:
            return Gone()
        with one_by_one(connection):
            take = _TAKE.format(columns=is_due.columns, holds=is_due.holds)
            if not connection.execute(take.encode(), {**is_due.parameters, **bounds}).rowcount:
                return Gone()
            groups = _groups(connection)
            removed = len(groups.get(ROWS, ()))
            erased = sum(map(len, groups.values())) - removed
            portion.go_on(size)
            if removed:
                connection.execute(_POINT_AWAY)
            with ExitStack() as changes:
                for what, decided in groups.items():
                    kind, cls = ("removed", None) if what == ROWS else ("erased", what)
                    acts = [act_of(policy) for policy, _ in decided]
                    rows = [row for _, row in decided]
                    changes.enter_context(changing(connection, lane, acts, kind, cls, rows))  # type: ignore[arg-type]
                if removed:
                    connection.execute(_REMOVE.encode())
                if erased:
                    connection.execute(_ERASE.encode())
            portion.go_on(size)
            _make_good(connection, gap)
            portion.go_on(size)
    return Gone(removed, erased, portion.committed(size))


def _groups(connection: Connection) -> dict[str, list[tuple[int, RowKey]]]:
    """What changes, by `policy.WHATS`: each row with the id of the policy that says so. One change of many rows costs little more than of one."""
    groups: dict[str, list[tuple[int, RowKey]]] = {}
    for lane, seq, event_id, at, *decided in connection.execute(_TAKEN):
        for what, policy in zip(WHATS, decided, strict=True):
            if policy is not None:
                groups.setdefault(what, []).append((policy, RowKey(lane, seq, event_id, at)))
    return groups


def _make_good(connection: Connection, gap: timedelta) -> None:
    """Behind the change: what was made of the rows is made of what is left, or forgotten."""
    if connection.execute(_REVIVE).rowcount:
        mending.list_revived(connection)
    if connection.execute(_GONE).rowcount:
        derived.note(connection)
        derived.unmake(connection)
        derived.users(connection, connection.execute(_USERS_DAYS).fetchall())
    mending.mend_sessions(connection, gap)
