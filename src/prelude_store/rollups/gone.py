"""Days of which rows went by retention: their counts stand, and are never made anew from what is left.

What is personal in rollups follows the rows that are left: whose they were, that alone is forgotten with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prelude_store.rollups import tables

if TYPE_CHECKING:
    from datetime import date

    from prelude_store.connection import Connection

__all__ = ["FOLLOWS", "build_day", "is_gone"]

_IS_GONE: Final = "SELECT EXISTS (SELECT FROM public.retention_days WHERE day = %s)"
_AMONG: Final = "SELECT FROM public.retention_days AS gone WHERE gone.day = (rollup.bucket AT TIME ZONE 'UTC')::date"
_NAME: Final = "gone.action_name = rollup.action_name"
_ACTION: Final = f"NOT EXISTS ({_AMONG} AND gone.action_type = rollup.action_type AND {_NAME})"
FOLLOWS: Final = {
    "activity_rollups": _ACTION,
    "latency_rollups": _ACTION,
    "latency_totals": f"NOT EXISTS ({_AMONG})",
    "user_rollups": "true",
    "customer_rollups": f"NOT EXISTS ({_AMONG} AND {_NAME})",
    "email_rollups": f"NOT EXISTS ({_AMONG} AND {_NAME})",
    "deal_value_rollups": f"NOT EXISTS ({_AMONG} AND gone.action_name = 'create_deal')",
}
"""By table, which rows of it, called ``rollup``, are just what rows of the log say; all others stand for rows that went."""

_LIKE: Final = "CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING ALL) ON COMMIT DROP"
_FORGET: Final = """
DELETE FROM public.{table} AS rollup
WHERE grain = ANY (%(grains)s::smallint[]) AND bucket >= %(day)s::date AND bucket < %(day)s::date + 1 AND {follows}
"""
_KEEP: Final = "INSERT INTO public.{table} SELECT * FROM pg_temp.{table} AS rollup WHERE {follows}"


def is_gone(connection: Connection, day: date) -> bool:
    """Whether rows or parts of that day (UTC) went, of one action at least."""
    row = connection.execute(_IS_GONE, [day]).fetchone()
    return bool(row and row[0])


def build_day(connection: Connection, day: date) -> int:
    """From what ``prelude_arrived`` holds of that day, make anew what follows rows; gives how many rows of rollups were forgotten for it.

    All is made beside first, so that one way of counting serves both.
    """
    for table in tables.TABLES:
        connection.execute(_LIKE.format(table=table).encode())
    tables.add(connection, "pg_temp")
    forgotten = 0
    for table, grains in tables.GRAINS.items():
        follows = FOLLOWS[table]
        asked = {"grains": list(grains), "day": day}
        forgotten += connection.execute(_FORGET.format(table=table, follows=follows).encode(), asked).rowcount
        connection.execute(_KEEP.format(table=table, follows=follows).encode())
    return forgotten
