"""From the lines of ``prelude_arrived`` to the tables of rollups: one statement a table, which adds.

Quarters are summed first; hours come from the quarters, and days from the hours. `latencies` does it for the sketches of lengths.
"""
# ruff: noqa: S608 (all statements are made of constants)

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from prelude_store.rollups import latencies

if TYPE_CHECKING:
    from datetime import date

    from prelude_store.connection import Connection

__all__ = ["GRAINS", "TABLES", "add", "add_users", "forget_day", "tell", "tell_day"]

GRAINS: Final = {
    "activity_rollups": (15, 60, 1440),
    "latency_rollups": (15, 60, 1440),
    "latency_totals": (15, 60, 1440),
    "user_rollups": (15, 60, 1440),
    "customer_rollups": (15, 1440),
    "email_rollups": (15, 1440),
    "deal_value_rollups": (15, 1440),
}
"""The tables, and the grains in minutes that each has."""

TABLES: Final = tuple(GRAINS)

_STATUSES: Final = """
sum(sign) FILTER (WHERE result_status = 'success') AS success, sum(sign) FILTER (WHERE result_status = 'error') AS error,
sum(sign) FILTER (WHERE result_status = 'pending') AS pending, sum(sign) FILTER (WHERE result_status = 'timeout') AS timeout
"""
# Of a bigint the sum is numeric, which is slow; no quarter has two thousand million rows.
_SUM_STATUSES: Final = """
sum(success::integer) AS success, sum(error::integer) AS error, sum(pending::integer) AS pending, sum(timeout::integer) AS timeout
"""
_ALL_STATUSES: Final = "coalesce(success, 0), coalesce(error, 0), coalesce(pending, 0), coalesce(timeout, 0)"
_ADD_STATUSES: Final = """
success = known.success + excluded.success, error = known.error + excluded.error,
pending = known.pending + excluded.pending, timeout = known.timeout + excluded.timeout
"""


def _summed(table: str, keys: str, quarters: str, sums: str) -> str:
    """WITH … ``summed``: every grain of `table`, each made from the next finer one.

    Args:
        quarters: gives bucket, `keys` and figures, of quarters.
        sums: the same figures of several quarters or hours.
    """
    made = [f"of_15 AS MATERIALIZED ({quarters})"]
    for finer, grain in pairwise(GRAINS[table]):
        made.append(
            f"of_{grain} AS MATERIALIZED (SELECT date_bin('{grain} minutes', bucket, 'epoch') AS bucket, {keys}, {sums}"
            f" FROM of_{finer} GROUP BY 1, {keys})"
        )
    all_of_them = " UNION ALL ".join(f"SELECT {grain}::smallint AS grain, * FROM of_{grain}" for grain in GRAINS[table])
    return f"WITH {', '.join(made)}, summed AS ({all_of_them})"


_KEYS: Final = "action_type, action_name, service_name, entity_type, page_route, result_status"
_ACTIVITIES: Final = (
    _summed(
        "activity_rollups",
        _KEYS,
        f"""
    SELECT bucket, {_KEYS}, sum(sign) AS count, sum(lengths) AS duration_count,
        coalesce(sum(lengths * duration_ms::bigint), 0)::bigint AS duration_sum
    FROM pg_temp.prelude_arrived WHERE sign <> 0 OR lengths <> 0 GROUP BY bucket, {_KEYS}
""",
        "sum(count::integer) AS count, sum(duration_count::integer) AS duration_count, sum(duration_sum)::bigint AS duration_sum",
    )
    + f"""
INSERT INTO {{to}}.activity_rollups AS known (grain, bucket, {_KEYS}, count, duration_count, duration_sum)
SELECT grain, bucket, {_KEYS}, count, duration_count, duration_sum
FROM summed WHERE count <> 0 OR duration_count <> 0 OR duration_sum <> 0
ON CONFLICT (grain, bucket, {_KEYS}) DO UPDATE SET count = known.count + excluded.count,
    duration_count = known.duration_count + excluded.duration_count, duration_sum = known.duration_sum + excluded.duration_sum
"""
)

_USER_KEYS: Final = "user_email, action_type"
_USERS: Final = (
    _summed(
        "user_rollups",
        _USER_KEYS,
        f"""
    SELECT bucket, {_USER_KEYS}, {_STATUSES},
        min("at") FILTER (WHERE result_status <> 'pending') AS first_at, max("at") FILTER (WHERE result_status <> 'pending') AS last_at
    FROM pg_temp.prelude_arrived WHERE sign <> 0 AND user_email <> '' GROUP BY bucket, {_USER_KEYS}
""",
        f"{_SUM_STATUSES}, min(first_at) AS first_at, max(last_at) AS last_at",
    )
    + f"""
INSERT INTO {{to}}.user_rollups AS known (grain, bucket, {_USER_KEYS}, success, error, pending, timeout, first_at, last_at)
SELECT grain, bucket, {_USER_KEYS}, {_ALL_STATUSES}, first_at, last_at FROM summed
ON CONFLICT (grain, bucket, {_USER_KEYS}) DO UPDATE SET {_ADD_STATUSES},
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
"""
)

_CUSTOMER_KEYS: Final = "customer_id, action_name"
_CUSTOMERS: Final = (
    _summed(
        "customer_rollups",
        f"{_CUSTOMER_KEYS}, user_email",
        f"""
    SELECT bucket, {_CUSTOMER_KEYS}, user_email, {_STATUSES}, max("at") FILTER (WHERE result_status = 'success') AS last_at
    FROM pg_temp.prelude_arrived WHERE sign <> 0 AND customer_id IS NOT NULL GROUP BY bucket, {_CUSTOMER_KEYS}, user_email
""",
        f"{_SUM_STATUSES}, max(last_at) AS last_at",
    )
    + f""", people AS (
    SELECT grain, bucket, {_CUSTOMER_KEYS}, {_SUM_STATUSES}, max(last_at) AS last_at,
        coalesce(array_agg(user_email ORDER BY user_email) FILTER (WHERE success > 0 AND user_email <> ''), '{{}}') AS user_emails
    FROM summed GROUP BY grain, bucket, {_CUSTOMER_KEYS}
)
INSERT INTO {{to}}.customer_rollups AS known
    (grain, bucket, {_CUSTOMER_KEYS}, success, error, pending, timeout, user_emails, last_at)
SELECT grain, bucket, {_CUSTOMER_KEYS}, {_ALL_STATUSES}, user_emails, last_at FROM people
ON CONFLICT (grain, bucket, {_CUSTOMER_KEYS}) DO UPDATE SET {_ADD_STATUSES},
    user_emails = CASE WHEN excluded.user_emails <@ known.user_emails THEN known.user_emails
        ELSE ARRAY(SELECT DISTINCT email FROM unnest(known.user_emails || excluded.user_emails) AS both_of (email) ORDER BY email) END,
    last_at = greatest(known.last_at, excluded.last_at)
"""
)

_EMAIL_KEYS: Final = "user_email, action_name, method, result_status"
_EMAILS: Final = (
    _summed(
        "email_rollups",
        _EMAIL_KEYS,
        f"""
    SELECT bucket, {_EMAIL_KEYS}, sum(sign) AS count
    FROM pg_temp.prelude_arrived WHERE sign <> 0 AND method IS NOT NULL GROUP BY bucket, {_EMAIL_KEYS}
""",
        "sum(count::integer) AS count",
    )
    + f"""
INSERT INTO {{to}}.email_rollups AS known (grain, bucket, {_EMAIL_KEYS}, count)
SELECT grain, bucket, {_EMAIL_KEYS}, count FROM summed WHERE count <> 0
ON CONFLICT (grain, bucket, {_EMAIL_KEYS}) DO UPDATE SET count = known.count + excluded.count
"""
)

_DEALS: Final = (
    _summed(
        "deal_value_rollups",
        "result_status",
        """
    SELECT bucket, result_status, sum(sign) AS count, coalesce(sum(sign) FILTER (WHERE value_usd IS NOT NULL), 0) AS value_count,
        coalesce(sum(sign * value_usd), 0) AS value_usd
    FROM pg_temp.prelude_arrived WHERE sign <> 0 AND action_name = 'create_deal' GROUP BY bucket, result_status
""",
        "sum(count::integer) AS count, sum(value_count::integer) AS value_count, sum(value_usd) AS value_usd",
    )
    + """
INSERT INTO {to}.deal_value_rollups AS known (grain, bucket, result_status, count, value_count, value_usd)
SELECT grain, bucket, result_status, count, value_count, value_usd FROM summed
ON CONFLICT (grain, bucket, result_status) DO UPDATE SET count = known.count + excluded.count,
    value_count = known.value_count + excluded.value_count, value_usd = known.value_usd + excluded.value_usd
"""
)

_ADDING: Final = (_ACTIVITIES, *latencies.ADDING, _USERS, _CUSTOMERS, _EMAILS, _DEALS)
_EMPTY: Final = {
    "activity_rollups": "count = 0 AND duration_count = 0",
    "latency_rollups": "marks = '{}'",
    "latency_totals": "marks = '{}'",
    "user_rollups": "success = 0 AND error = 0 AND pending = 0 AND timeout = 0",
    "customer_rollups": "success = 0 AND error = 0 AND pending = 0 AND timeout = 0",
    "email_rollups": "count = 0",
    "deal_value_rollups": "count = 0",
}
"""When a row of rollups says nothing any more."""

# One version for all: nextval() is asked once.
_TELL: Final = """
INSERT INTO public.rollup_days (day, version)
SELECT day, (SELECT nextval('public.rollup_versions')) FROM (
    SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date AS day FROM pg_temp.prelude_arrived WHERE sign <> 0 OR lengths <> 0 ORDER BY 1
) AS days ON CONFLICT (day) DO UPDATE SET version = excluded.version
"""
_TELL_DAY: Final = """
INSERT INTO public.rollup_days (day, version) VALUES (%s, nextval('public.rollup_versions'))
ON CONFLICT (day) DO UPDATE SET version = excluded.version
"""


def add(connection: Connection, to: str = "public", *, fresh: bool = False) -> None:
    """Add what ``prelude_arrived`` holds to the rollups in the schema `to`.

    Args:
        fresh: they have nothing of these days, so there is nothing to look for and to add to.
    """
    for statement in _ADDING:
        insert, on_conflict, merge = statement.replace("{to}", to).partition("ON CONFLICT")
        connection.execute((insert if fresh else insert + on_conflict + merge).encode())
    if fresh:
        return
    row = connection.execute("SELECT EXISTS (SELECT FROM pg_temp.prelude_arrived WHERE sign < 0)").fetchone()
    if row and row[0]:
        for table, empty in _EMPTY.items():
            connection.execute(
                f"DELETE FROM {to}.{table} WHERE {empty} AND (grain, bucket) IN ("
                f"SELECT grain, date_bin(make_interval(mins => grain), bucket, 'epoch') FROM pg_temp.prelude_arrived,"
                f" unnest('{{{','.join(map(str, GRAINS[table]))}}}'::smallint[]) AS grains (grain) WHERE sign < 0)".encode()
            )


def add_users(connection: Connection) -> None:
    """Add what ``prelude_arrived`` holds to the rollups of users alone."""
    connection.execute(_USERS.replace("{to}", "public").encode())


def tell(connection: Connection) -> None:
    """Give each day (UTC) of which ``prelude_arrived`` holds something that counts another version in ``rollup_days``."""
    connection.execute(_TELL)


def tell_day(connection: Connection, day: date) -> None:
    """Give `day` (UTC) another version in ``rollup_days``."""
    connection.execute(_TELL_DAY, [day])


def forget_day(connection: Connection, day: date, to: str = "public") -> int:
    """Empty the rollups of `day` (UTC) in the schema `to`; gives how many rows there were."""
    return sum(
        connection.execute(
            f"DELETE FROM {to}.{table} WHERE grain = {grain} AND bucket >= %(day)s::date AND bucket < %(day)s::date + 1".encode(),
            {"day": day},
        ).rowcount
        for table, grains in GRAINS.items()
        for grain in grains
    )
