"""What was counted of the person: rollups, sessions and timeline get the same names as the rows, in one transaction.

Nothing is counted anew for that, since counts may outlive their rows: what stood under the old name is added to the new one, or to nobody's.
The keeper waits meanwhile; who writes rows does not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from prelude_store.erasure import sessions
from prelude_store.rollups.state import lock_state
from prelude_store.timeline.follow import LOCK as TIMELINE_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.erasure.runs import Run

__all__ = ["settle"]

_USERS: Final = """
SELECT DISTINCT name FROM (
    SELECT user_email FROM public.user_rollups UNION ALL SELECT user_email FROM public.email_rollups
    UNION ALL SELECT user_email FROM public.user_session_summaries UNION ALL SELECT user_email FROM public.timeline_users
    UNION ALL SELECT unnest(user_emails) FROM public.customer_rollups
) AS known (name) WHERE lower(name COLLATE "C") LIKE ANY (%s)
"""
_KEYS: Final = (
    "SELECT public.prelude_key(name) FROM unnest(%s::text[]) WITH ORDINALITY AS names (name, place) ORDER BY place"
)
_NAMES: Final = "unnest(%(old)s::text[], %(new)s::text[]) AS names (old, new)"
_SUMS: Final = "sum(success), sum(error), sum(pending), sum(timeout)"
_ADD: Final = """
success = known.success + excluded.success, error = known.error + excluded.error,
pending = known.pending + excluded.pending, timeout = known.timeout + excluded.timeout
"""

_USER_ROLLUPS: Final = f"""
WITH moved AS (
    DELETE FROM public.user_rollups AS known USING {_NAMES} WHERE known.user_email = names.old RETURNING known.*, names.new
)
INSERT INTO public.user_rollups AS known (grain, bucket, user_email, action_type, success, error, pending, timeout, first_at, last_at)
SELECT grain, bucket, new, action_type, {_SUMS}, min(first_at), max(last_at) FROM moved WHERE new IS NOT NULL
GROUP BY grain, bucket, new, action_type
ON CONFLICT (grain, bucket, user_email, action_type) DO UPDATE SET {_ADD},
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
"""  # noqa: S608 (constants)
_EMAIL_KEYS: Final = "user_email, action_name, method, result_status"
_EMAIL_ROLLUPS: Final = f"""
WITH moved AS (
    DELETE FROM public.email_rollups AS known USING {_NAMES} WHERE known.{{column}} = names.old RETURNING known.*, coalesce(names.new, '') AS new
)
INSERT INTO public.email_rollups AS known (grain, bucket, {_EMAIL_KEYS}, count)
SELECT grain, bucket, {{keys}}, sum(count) FROM moved GROUP BY grain, bucket, {{keys}}
ON CONFLICT (grain, bucket, {_EMAIL_KEYS}) DO UPDATE SET count = known.count + excluded.count
"""  # noqa: S608
_NO_EMAILS: Final = "DELETE FROM public.email_rollups WHERE user_email = '' AND count = 0"
_CUSTOMER_USERS: Final = f"""
UPDATE public.customer_rollups SET user_emails = ARRAY(
    SELECT DISTINCT CASE WHEN names.old IS NULL THEN email ELSE names.new END AS email
    FROM unnest(user_emails) AS known (email) LEFT JOIN {_NAMES} ON names.old = email
    WHERE names.old IS NULL OR names.new IS NOT NULL ORDER BY 1
) WHERE user_emails && %(old)s::text[]
"""  # noqa: S608
_CUSTOMERS: Final = f"""
WITH moved AS (
    DELETE FROM public.customer_rollups AS known USING {_NAMES} WHERE known.customer_id = names.old RETURNING known.*, names.new
)
INSERT INTO public.customer_rollups AS known (grain, bucket, customer_id, action_name, success, error, pending, timeout, user_emails, last_at)
SELECT grain, bucket, new, action_name, {_SUMS}, ARRAY(
    SELECT DISTINCT email FROM moved AS all_of, unnest(all_of.user_emails) AS email
    WHERE (all_of.grain, all_of.bucket, all_of.new, all_of.action_name) = (moved.grain, moved.bucket, moved.new, moved.action_name) ORDER BY 1
), max(last_at) FROM moved GROUP BY grain, bucket, new, action_name
ON CONFLICT (grain, bucket, customer_id, action_name) DO UPDATE SET {_ADD},
    user_emails = ARRAY(SELECT DISTINCT email FROM unnest(known.user_emails || excluded.user_emails) AS both_of (email) ORDER BY email),
    last_at = greatest(known.last_at, excluded.last_at)
"""  # noqa: S608

# Kinds of things that are named after the person went with their rows.
_KINDS: Final = {
    "activity_rollups": ("action_name", "service_name", "entity_type", "page_route"),
    "latency_rollups": ("action_name", "service_name"),
    "timeline_actions": ("action_name",),
    "timeline_services": ("service_name",),
}
_TELL: Final = """
INSERT INTO public.rollup_days (day, version)
SELECT day, (SELECT nextval('public.rollup_versions')) FROM unnest(%s::date[]) AS days (day) ORDER BY day
ON CONFLICT (day) DO UPDATE SET version = excluded.version
"""
_ANEW: Final = """
INSERT INTO public.rollup_rebuild (part, day) SELECT 'rollups', day FROM unnest(%s::date[]) AS days (day) ON CONFLICT DO NOTHING
"""
_DIRTY: Final = "UPDATE public.timeline_days SET dirty = true WHERE day = ANY (%s) AND NOT dirty"
_NEWEST: Final = (
    'SELECT "timestamp", event_id FROM public.user_activity_logs WHERE user_email = %s AND "timestamp" <= %s'
)
_LEFT: Final = """
SELECT DISTINCT ("timestamp" AT TIME ZONE 'UTC')::date FROM public.user_activity_logs WHERE user_email = %s
"""


def settle(
    connection: Connection,
    aim: Aim,
    run: Run,
    change: Callable[[Sequence[tuple[datetime, UUID]]], int] = lambda _keys: 0,
) -> None:
    """Bring rollups, sessions and timeline in line with the rows, which are changed by now; within an open transaction.

    Args:
        change: changes rows within the transaction; those that came since.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [TIMELINE_LOCK])  # a day in the making has seen the old rows
    state = lock_state(connection, exclusive=True)
    connection.execute("UPDATE public.rollup_state SET as_of = as_of")  # who waits for the lock begins anew
    # Rows that came meanwhile, and may be counted: no more are before this ends.
    until = run.until if aim.new is None else datetime.max.replace(tzinfo=UTC)
    change(connection.execute(_NEWEST, [aim.address.email, until]).fetchall())
    users = _users(connection, aim)
    days = set(run.days)
    values = {"old": list(users), "new": list(users.values())}
    days |= _days(connection, "user_rollups", "user_email = ANY (%s)", users)
    run.counts["user_rollups"] += connection.execute(_USER_ROLLUPS.encode(), values).rowcount
    days |= _days(connection, "email_rollups", "user_email = ANY (%s)", users)
    _emails(connection, "user_email", values)
    connection.execute(_NO_EMAILS)
    days |= _days(connection, "customer_rollups", "user_emails && %s::text[]", users)
    run.counts["customer_rollups"] += connection.execute(_CUSTOMER_USERS.encode(), values).rowcount
    days |= _other_keys(connection, aim)
    run.counts["sessions"] += sessions.replace(
        connection, aim.address, list(users), users.__getitem__, aim.text, state.session_gap
    )
    _timeline(connection, users, run)
    left = [day for (day,) in connection.execute(_LEFT, [aim.address.email])] if aim.new is None else []
    if left:  # what the person did since then is still theirs
        sessions.recount(connection, [aim.address.email])
    for table, columns in _KINDS.items() if aim.new is None and aim.address.within_texts else ():
        _forget_kinds(connection, aim, table, columns)
    connection.execute(_ANEW, [sorted({*run.anew, *left})])
    connection.execute(_TELL, [sorted({*days, *left})])


def _users(connection: Connection, aim: Aim) -> dict[str, str | None]:
    """Names under which the person is counted, with those that take their place."""
    known = [name for (name,) in connection.execute(_USERS, [aim.address.patterns]) if aim.address.mentioned(name)]
    old = [aim.address.email, *(name for name in known if name != aim.address.email)]
    return dict(zip(_keys(connection, old), _keys(connection, [aim.user(name) for name in old]), strict=True))


def _keys(connection: Connection, names: list[Any]) -> list[Any]:
    keys = [key for (key,) in connection.execute(_KEYS, [names])]
    return [None if name is None else key for name, key in zip(names, keys, strict=True)]


def _days(connection: Connection, table: str, where: str, users: dict[str, str | None]) -> set[Any]:
    asked = f"SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date FROM public.{table} WHERE {where}"  # noqa: S608 (constants)
    return {day for (day,) in connection.execute(asked.encode(), [list(users)])}


def _emails(connection: Connection, column: str, values: dict[str, Any]) -> None:
    keys = ("user_email", "action_name", "method", "result_status")
    moved = ", ".join("new" if key == column else key for key in keys)
    connection.execute(_EMAIL_ROLLUPS.replace("{column}", column).replace("{keys}", moved).encode(), values)


def _other_keys(connection: Connection, aim: Aim) -> set[Any]:
    """Customers and methods whose name holds the address."""
    days: set[Any] = set()
    for table, column in (("customer_rollups", "customer_id"), ("email_rollups", "method")):
        asked = f'SELECT DISTINCT {column} FROM public.{table} WHERE lower({column} COLLATE "C") LIKE ANY (%s)'  # noqa: S608
        found = [name for (name,) in connection.execute(asked.encode(), [aim.address.patterns])]
        names = {name: aim.text(name) for name in found if aim.text(name) != name}
        if not names:
            continue
        values = {"old": list(names), "new": _keys(connection, list(names.values()))}
        days |= _days(connection, table, f"{column} = ANY (%s)", dict.fromkeys(names))
        if column == "method":
            _emails(connection, column, values)
        else:
            connection.execute(_CUSTOMERS.encode(), values)
    return days


def _timeline(connection: Connection, users: dict[str, str | None], run: Run) -> None:
    for old, new in users.items():
        known = (
            None
            if new is None
            else connection.execute("SELECT 1 FROM public.timeline_users WHERE user_email = %s", [new]).fetchone()
        )
        if new is None or known:
            connection.execute("DELETE FROM public.timeline_users WHERE user_email = %s", [old])
        else:
            connection.execute("UPDATE public.timeline_users SET user_email = %s WHERE user_email = %s", [new, old])
    connection.execute(_DIRTY, [sorted(run.days)])


def _forget_kinds(connection: Connection, aim: Aim, table: str, columns: tuple[str, ...]) -> None:
    names = ", ".join(columns)
    asked = (
        f"SELECT DISTINCT {names} FROM public.{table}"  # noqa: S608 (constants)
        f" WHERE lower(concat_ws(E'\\n', {names}) COLLATE \"C\") LIKE ANY (%s)"
    )
    for kind in connection.execute(asked.encode(), [aim.address.patterns]).fetchall():
        if any(aim.address.mentioned(name) for name in kind if name is not None):
            same = " AND ".join(f"{name} = %s" for name in columns)
            connection.execute(f"DELETE FROM public.{table} WHERE {same}".encode(), kind)  # noqa: S608
