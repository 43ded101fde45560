"""What was counted of the person: rollups, sessions and timeline get the same names as the rows.

Nothing is counted anew for that, since counts may outlive their rows: what stood under the old name is added to the new one, or to nobody's.
Rollups are settled day by day, each in a transaction of its own: one over all of a long history would write so much at once that who writes
rows waits for the disk. The last transaction sees to what the keeper has counted since. The keeper waits for each; who writes rows does not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from prelude_store.erasure import sessions
from prelude_store.rollups import tables
from prelude_store.rollups.state import lock_state
from prelude_store.timeline.follow import LOCK as TIMELINE_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Aim
    from prelude_store.erasure.runs import Run

__all__ = ["changed_days", "settle", "settle_day"]

_VERSIONS: Final = "SELECT day, version FROM public.rollup_days ORDER BY day"
_VERSION: Final = "SELECT version FROM public.rollup_days WHERE day = %(day)s"


def _on_day(table: str) -> str:
    """Of `table`, rows of all grains of one day, which its key finds."""
    grains = ", ".join(map(str, tables.GRAINS[table]))
    return f"{table}.grain IN ({grains}) AND {table}.bucket >= %(day)s::date AND {table}.bucket < %(day)s::date + 1"


_NAMED: Final = (
    """SELECT DISTINCT name FROM ({names}) AS known (name) WHERE lower(name COLLATE "C") LIKE ANY (%(patterns)s)"""
)
_USERS: Final = _NAMED.format(
    names="SELECT user_email FROM public.user_session_summaries UNION ALL SELECT user_email FROM public.timeline_users"
)
# Whoever is in a quarter or an hour is in its day.
_USERS_OF_DAY: Final = _NAMED.format(
    names=" UNION ALL ".join(
        f"SELECT {name} FROM public.{table} WHERE grain = 1440 AND bucket >= %(day)s::date AND bucket < %(day)s::date + 1"  # noqa: S608
        for name, table in (
            ("user_email", "user_rollups"), ("user_email", "email_rollups"), ("unnest(user_emails)", "customer_rollups"),
        )
    )
)  # fmt: skip
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
    DELETE FROM public.user_rollups USING {_NAMES} WHERE {_on_day("user_rollups")} AND user_email = names.old
    RETURNING user_rollups.*, names.new
), added AS (
INSERT INTO public.user_rollups AS known (grain, bucket, user_email, action_type, success, error, pending, timeout, first_at, last_at)
SELECT grain, bucket, new, action_type, {_SUMS}, min(first_at), max(last_at) FROM moved WHERE new IS NOT NULL
GROUP BY grain, bucket, new, action_type
ON CONFLICT (grain, bucket, user_email, action_type) DO UPDATE SET {_ADD},
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
) SELECT count(*) FROM moved
"""  # noqa: S608 (constants)
_EMAIL_KEYS: Final = "user_email, action_name, method, result_status"
_EMAIL_ROLLUPS: Final = f"""
WITH moved AS (
    DELETE FROM public.email_rollups USING {_NAMES} WHERE {_on_day("email_rollups")} AND {{column}} = names.old
    RETURNING email_rollups.*, coalesce(names.new, '') AS new
), added AS (
INSERT INTO public.email_rollups AS known (grain, bucket, {_EMAIL_KEYS}, count)
SELECT grain, bucket, {{keys}}, sum(count) FROM moved GROUP BY grain, bucket, {{keys}}
ON CONFLICT (grain, bucket, {_EMAIL_KEYS}) DO UPDATE SET count = known.count + excluded.count
) SELECT count(*) FROM moved
"""  # noqa: S608
_EMAILS_BY: Final = {
    column: _EMAIL_ROLLUPS.replace("{column}", column).replace("{keys}", _EMAIL_KEYS.replace(column, "new"))
    for column in ("user_email", "method")
}
_NO_EMAILS: Final = (
    f"DELETE FROM public.email_rollups WHERE {_on_day('email_rollups')} AND user_email = '' AND count = 0"  # noqa: S608
)
_CUSTOMER_USERS: Final = f"""
UPDATE public.customer_rollups SET user_emails = ARRAY(
    SELECT DISTINCT CASE WHEN names.old IS NULL THEN email ELSE names.new END AS email
    FROM unnest(user_emails) AS known (email) LEFT JOIN {_NAMES} ON names.old = email
    WHERE names.old IS NULL OR names.new IS NOT NULL ORDER BY 1
) WHERE {_on_day("customer_rollups")} AND user_emails && %(old)s::text[]
"""  # noqa: S608
_CUSTOMERS: Final = f"""
WITH moved AS (
    DELETE FROM public.customer_rollups USING {_NAMES} WHERE {_on_day("customer_rollups")} AND customer_id = names.old
    RETURNING customer_rollups.*, names.new
), added AS (
INSERT INTO public.customer_rollups AS known (grain, bucket, customer_id, action_name, success, error, pending, timeout, user_emails, last_at)
SELECT grain, bucket, new, action_name, {_SUMS}, ARRAY(
    SELECT DISTINCT email FROM moved AS all_of, unnest(all_of.user_emails) AS email
    WHERE (all_of.grain, all_of.bucket, all_of.new, all_of.action_name) = (moved.grain, moved.bucket, moved.new, moved.action_name) ORDER BY 1
), max(last_at) FROM moved GROUP BY grain, bucket, new, action_name
ON CONFLICT (grain, bucket, customer_id, action_name) DO UPDATE SET {_ADD},
    user_emails = ARRAY(SELECT DISTINCT email FROM unnest(known.user_emails || excluded.user_emails) AS both_of (email) ORDER BY email),
    last_at = greatest(known.last_at, excluded.last_at)
) SELECT count(*) FROM moved
"""  # noqa: S608

_OTHER_NAMES: Final = {
    column: _NAMED.format(names=f"SELECT {column} FROM public.{table} WHERE {_on_day(table)}")  # noqa: S608
    for column, table in (("customer_id", "customer_rollups"), ("method", "email_rollups"))
}

# Kinds of things that are named after the person went with their rows.
_KINDS: Final = {
    "activity_rollups": ("action_name", "service_name", "entity_type", "page_route"),
    "latency_rollups": ("action_name", "service_name"),
    "timeline_actions": ("action_name",),
    "timeline_services": ("service_name",),
}
_TOUCH: Final = "UPDATE public.rollup_state SET as_of = as_of"
"""Who waits for the lock begins anew."""
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


def changed_days(connection: Connection, settled: Mapping[date, int]) -> list[date]:
    """Days (UTC) of the rollups, without those that stand as `settled` says: by day, the version that `settle_day` gave."""
    return [day for day, version in connection.execute(_VERSIONS) if settled.get(day) != version]


def settle_day(connection: Connection, aim: Aim, run: Run, day: date) -> int:
    """Bring the rollups of `day` in line with the rows, which are changed by now; within an open transaction. Gives the day's version."""
    lock_state(connection, exclusive=True)
    if _move_day(connection, aim, run, day):
        connection.execute(_TOUCH)
        connection.execute(_TELL, [[day]])
    return _number(connection, _VERSION, {"day": day})


def settle(
    connection: Connection,
    aim: Aim,
    run: Run,
    change: Callable[[Sequence[tuple[datetime, UUID]]], int] = lambda _keys: 0,
    settled: Mapping[date, int] | None = None,
) -> None:
    """Bring rollups, sessions and timeline in line with the rows, which are changed by now; within an open transaction.

    Args:
        change: changes rows within the transaction; those that came since.
        settled: as of `changed_days`.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [TIMELINE_LOCK])  # a day in the making has seen the old rows
    state = lock_state(connection, exclusive=True)
    connection.execute(_TOUCH)
    # Rows that came meanwhile, and may be counted: no more are before this ends.
    until = run.until if aim.new is None else datetime.max.replace(tzinfo=UTC)
    change(connection.execute(_NEWEST, [aim.address.email, until]).fetchall())
    days = {day for day in changed_days(connection, settled or {}) if _move_day(connection, aim, run, day)}
    users = _users(connection, aim, _USERS)
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
    connection.execute(_TELL, [sorted({*days, *run.days, *left})])


def _move_day(connection: Connection, aim: Aim, run: Run, day: date) -> bool:
    """Give what the rollups of `day` say of the person its new name; gives whether there was anything."""
    users = _users(connection, aim, _USERS_OF_DAY, day)
    values = {"old": list(users), "new": list(users.values()), "day": day}
    counted = {
        "user_rollups": _number(connection, _USER_ROLLUPS, values),
        "customer_rollups": connection.execute(_CUSTOMER_USERS.encode(), values).rowcount,
    }
    run.counts.update(counted)
    others = _number(connection, _EMAILS_BY["user_email"], values)
    for column, statement in (("customer_id", _CUSTOMERS), ("method", _EMAILS_BY["method"])):
        names = _other_names(connection, aim, column, day)
        if names:
            values = {"old": list(names), "new": _keys(connection, list(names.values())), "day": day}
            others += _number(connection, statement, values)
    connection.execute(_NO_EMAILS.encode(), values)
    return any(counted.values()) or others > 0


def _number(connection: Connection, asked: str, values: dict[str, Any]) -> int:
    row = connection.execute(asked.encode(), values).fetchone()
    assert row is not None  # noqa: S101 (an aggregate, or a day of `changed_days`)
    return int(row[0])


def _users(connection: Connection, aim: Aim, asked: str, day: date | None = None) -> dict[str, str | None]:
    """Names under which the person is counted, with those that take their place."""
    found = connection.execute(asked.encode(), {"patterns": aim.address.patterns, "day": day})
    known = [name for (name,) in found if aim.address.mentioned(name)]
    old = [aim.address.email, *(name for name in known if name != aim.address.email)]
    return dict(zip(_keys(connection, old), _keys(connection, [aim.user(name) for name in old]), strict=True))


def _keys(connection: Connection, names: list[Any]) -> list[Any]:
    keys = [key for (key,) in connection.execute(_KEYS, [names])]
    return [None if name is None else key for name, key in zip(names, keys, strict=True)]


def _other_names(connection: Connection, aim: Aim, column: str, day: date) -> dict[str, str]:
    """Customers or methods of `day` whose name holds the address, with their new names."""
    asked = _OTHER_NAMES[column].encode()
    found = [name for (name,) in connection.execute(asked, {"patterns": aim.address.patterns, "day": day})]
    return {name: aim.text(name) for name in found if aim.text(name) != name}


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
