"""From the lines of ``prelude_arrived`` to the tables of rollups: one statement a table, which adds.

Quarters are summed first; hours and days come from the quarters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

    from prelude_store.connection import Connection

__all__ = ["GRAINS", "MAKE", "TABLES", "add", "forget_day", "tell", "tell_day"]

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

MAKE: Final = (
    """
CREATE TEMP TABLE IF NOT EXISTS prelude_marks (
    bucket timestamptz, action_type text, action_name text, service_name text, result_status text, mark smallint, n bigint
) ON COMMIT DELETE ROWS
""",
)

_BUCKETS: Final = "date_bin(make_interval(mins => grain), bucket, 'epoch') AS bucket"
_STATUSES: Final = """
sum(sign) FILTER (WHERE result_status = 'success') AS success, sum(sign) FILTER (WHERE result_status = 'error') AS error,
sum(sign) FILTER (WHERE result_status = 'pending') AS pending, sum(sign) FILTER (WHERE result_status = 'timeout') AS timeout
"""
_SUM_STATUSES: Final = (
    "coalesce(sum(success), 0), coalesce(sum(error), 0), coalesce(sum(pending), 0), coalesce(sum(timeout), 0)"
)
_ADD_STATUSES: Final = """
success = known.success + excluded.success, error = known.error + excluded.error,
pending = known.pending + excluded.pending, timeout = known.timeout + excluded.timeout
"""


def _grains(table: str) -> str:
    return f"unnest('{{{','.join(map(str, GRAINS[table]))}}}'::smallint[]) AS grains (grain)"


_KEYS: Final = "action_type, action_name, service_name, entity_type, page_route, result_status"
_ACTIVITIES: Final = f"""
INSERT INTO {{to}}.activity_rollups AS known (grain, bucket, {_KEYS}, count, duration_count, duration_sum)
SELECT grain, {_BUCKETS}, {_KEYS}, sum(count), sum(duration_count), sum(duration_sum)
FROM (
    SELECT bucket, {_KEYS}, sum(sign) AS count, sum(lengths) AS duration_count,
        coalesce(sum(lengths * duration_ms::bigint), 0) AS duration_sum
    FROM pg_temp.prelude_arrived WHERE sign <> 0 OR lengths <> 0 GROUP BY bucket, {_KEYS}
) AS quarters, {_grains("activity_rollups")}
GROUP BY grain, 2, {_KEYS} HAVING sum(count) <> 0 OR sum(duration_count) <> 0 OR sum(duration_sum) <> 0
ON CONFLICT (grain, bucket, {_KEYS}) DO UPDATE SET count = known.count + excluded.count,
    duration_count = known.duration_count + excluded.duration_count, duration_sum = known.duration_sum + excluded.duration_sum
"""  # noqa: S608 (constants)

_LATENCY_KEYS: Final = "action_type, action_name, service_name, result_status"
_MARKS: Final = f"""
INSERT INTO pg_temp.prelude_marks
SELECT bucket, {_LATENCY_KEYS}, mark, sum(lengths) FROM (
    SELECT bucket, {_LATENCY_KEYS}, public.prelude_mark(duration_ms) AS mark, lengths FROM pg_temp.prelude_arrived WHERE lengths <> 0
) AS marked GROUP BY bucket, {_LATENCY_KEYS}, mark HAVING sum(lengths) <> 0
"""  # noqa: S608 (constants)
_MERGE: Final = """
(marks, counts) = (
    SELECT coalesce(array_agg(mark ORDER BY mark), '{}'), coalesce(array_agg(n ORDER BY mark), '{}') FROM (
        SELECT mark, sum(n)::bigint AS n FROM (
            SELECT * FROM unnest(known.marks, known.counts) UNION ALL SELECT * FROM unnest(excluded.marks, excluded.counts)
        ) AS both_of (mark, n) GROUP BY mark HAVING sum(n) <> 0
    ) AS merged
)
"""


def _latencies(table: str, keys: str) -> str:
    return f"""
INSERT INTO {{to}}.{table} AS known (grain, bucket, {keys} marks, counts)
SELECT grain, bucket, {keys} array_agg(mark ORDER BY mark), array_agg(n ORDER BY mark) FROM (
    SELECT grain, {_BUCKETS}, {keys} mark, sum(n)::bigint AS n FROM pg_temp.prelude_marks, {_grains(table)}
    GROUP BY grain, 2, {keys} mark HAVING sum(n) <> 0
) AS marked GROUP BY {keys} grain, bucket
ON CONFLICT (grain, {keys} bucket) DO UPDATE SET {_MERGE}
"""  # noqa: S608 (constants)


_USERS: Final = f"""
INSERT INTO {{to}}.user_rollups AS known (grain, bucket, user_email, action_type, success, error, pending, timeout, first_at, last_at)
SELECT grain, {_BUCKETS}, user_email, action_type, {_SUM_STATUSES}, min(first_at), max(last_at)
FROM (
    SELECT bucket, user_email, action_type, {_STATUSES},
        min("at") FILTER (WHERE result_status <> 'pending') AS first_at, max("at") FILTER (WHERE result_status <> 'pending') AS last_at
    FROM pg_temp.prelude_arrived WHERE sign <> 0 AND user_email <> '' GROUP BY bucket, user_email, action_type
) AS quarters, {_grains("user_rollups")}
GROUP BY grain, 2, user_email, action_type
ON CONFLICT (grain, bucket, user_email, action_type) DO UPDATE SET {_ADD_STATUSES},
    first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
"""  # noqa: S608 (constants)

_CUSTOMERS: Final = f"""
INSERT INTO {{to}}.customer_rollups AS known
    (grain, bucket, customer_id, action_name, success, error, pending, timeout, user_emails, last_at)
SELECT grain, {_BUCKETS}, customer_id, action_name, {_SUM_STATUSES},
    coalesce(array_agg(DISTINCT user_email ORDER BY user_email) FILTER (WHERE success > 0 AND user_email <> ''), '{{}}'), max(last_at)
FROM (
    SELECT bucket, customer_id, action_name, user_email, {_STATUSES}, max("at") FILTER (WHERE result_status = 'success') AS last_at
    FROM pg_temp.prelude_arrived WHERE sign <> 0 AND customer_id IS NOT NULL GROUP BY bucket, customer_id, action_name, user_email
) AS quarters, {_grains("customer_rollups")}
GROUP BY grain, 2, customer_id, action_name
ON CONFLICT (grain, bucket, customer_id, action_name) DO UPDATE SET {_ADD_STATUSES},
    user_emails = CASE WHEN excluded.user_emails <@ known.user_emails THEN known.user_emails
        ELSE ARRAY(SELECT DISTINCT email FROM unnest(known.user_emails || excluded.user_emails) AS both_of (email) ORDER BY email) END,
    last_at = greatest(known.last_at, excluded.last_at)
"""  # noqa: S608 (constants)

_EMAIL_KEYS: Final = "user_email, action_name, method, result_status"
_EMAILS: Final = f"""
INSERT INTO {{to}}.email_rollups AS known (grain, bucket, {_EMAIL_KEYS}, count)
SELECT grain, {_BUCKETS}, {_EMAIL_KEYS}, sum(sign) FROM pg_temp.prelude_arrived, {_grains("email_rollups")}
WHERE sign <> 0 AND method IS NOT NULL GROUP BY grain, 2, {_EMAIL_KEYS} HAVING sum(sign) <> 0
ON CONFLICT (grain, bucket, {_EMAIL_KEYS}) DO UPDATE SET count = known.count + excluded.count
"""  # noqa: S608 (constants)

_DEALS: Final = f"""
INSERT INTO {{to}}.deal_value_rollups AS known (grain, bucket, result_status, count, value_count, value_usd)
SELECT grain, {_BUCKETS}, result_status, sum(sign), coalesce(sum(sign) FILTER (WHERE value_usd IS NOT NULL), 0),
    coalesce(sum(sign * value_usd), 0)
FROM pg_temp.prelude_arrived, {_grains("deal_value_rollups")}
WHERE sign <> 0 AND action_name = 'create_deal' GROUP BY grain, 2, result_status
ON CONFLICT (grain, bucket, result_status) DO UPDATE SET count = known.count + excluded.count,
    value_count = known.value_count + excluded.value_count, value_usd = known.value_usd + excluded.value_usd
"""  # noqa: S608 (constants)

_ADDING: Final = (
    _ACTIVITIES,
    _latencies("latency_rollups", "action_type, action_name, service_name, result_status,"),
    _latencies("latency_totals", ""),
    _USERS,
    _CUSTOMERS,
    _EMAILS,
    _DEALS,
)
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


def add(connection: Connection, to: str = "public") -> None:
    """Add what ``prelude_arrived`` holds to the rollups in the schema `to`."""
    connection.execute(_MARKS)
    for statement in _ADDING:
        connection.execute(statement.replace("{to}", to).encode())
    row = connection.execute("SELECT EXISTS (SELECT FROM pg_temp.prelude_arrived WHERE sign < 0)").fetchone()
    if row and row[0]:
        for table, empty in _EMPTY.items():
            connection.execute(
                f"DELETE FROM {to}.{table} WHERE {empty} AND (grain, bucket) IN (SELECT grain, {_BUCKETS}"  # noqa: S608 (constants)
                f" FROM pg_temp.prelude_arrived, {_grains(table)} WHERE sign < 0)".encode()
            )


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
            f"DELETE FROM {to}.{table} WHERE grain = {grain} AND bucket >= %(day)s::date AND bucket < %(day)s::date + 1".encode(),  # noqa: S608
            {"day": day},
        ).rowcount
        for table, grains in GRAINS.items()
        for grain in grains
    )
