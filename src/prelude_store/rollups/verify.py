"""Whether what is kept is what raw rows say, at the watermark, in one snapshot, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_otel.errors import StoreError
from prelude_store.rollups import arrivals, building, tables
from prelude_store.rollups.state import state
from prelude_store.sessions import keep as sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prelude_store.connection import Connection

__all__ = ["Difference", "Verified", "verify"]

_EXAMPLES: Final = 3
"""Differences of one table and day that are shown."""

_COPIES: Final = (*tables.TABLES, "user_session_summaries", "superseded_rows", "pending_rows")
_BOOKKEEPING: Final = "updated_at"
"""Column that tells when a row was written, and not what is so."""

# Rows of one side that the other has not, as a whole, with their columns as JSON.
_DIFFERENT: Final = """
SELECT side, jsonb_strip_nulls(to_jsonb(one) - 'side')::text FROM (
    (SELECT 'kept' AS side, * FROM ({kept} EXCEPT {counted}) AS only_kept LIMIT {most})
    UNION ALL
    (SELECT 'raw' AS side, * FROM ({counted} EXCEPT {kept}) AS only_raw LIMIT {most})
) AS one
"""


class Difference(NamedTuple):
    """Something that is kept, and raw rows do not say; or the other way round.

    Args:
        table: where.
        side: ``kept`` or ``raw``: who says so.
        row: what it says, as JSON.
    """

    table: str
    side: str
    row: str


class Verified(NamedTuple):
    """What was found.

    Args:
        as_of: what was committed before then was compared.
        rows: raw rows that were counted.
        days: that they are of.
        differences: at most a few of each table and day; none when all is right.
    """

    as_of: datetime | None
    rows: int
    days: int
    differences: list[Difference]


def verify(connection: Connection, progress: Callable[[int, int], None] | None = None) -> Verified:
    """Count everything anew, beside what is kept, and compare. Takes about as long as building it; changes nothing.

    Args:
        connection: of `keeper.connected`.
        progress: told days done and days in all.

    Raises:
        StoreError: a rebuild is under way, or was interrupted.
    """
    differences: list[Difference] = []
    rows = 0
    with connection.transaction(force_rollback=True):
        now = state(connection)
        if now.to_build:
            raise StoreError(
                "a rebuild is not finished: let the keeper or prelude store rollup rebuild go on with it first"
            )
        for table in _COPIES:
            connection.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING ALL) ON COMMIT DROP".encode())
        building.fill_superseded(connection, "pg_temp")
        differences += _differences(connection, "superseded_rows")
        days = [day for (day,) in connection.execute(building.ALL_DAYS.encode())]
        for done, day in enumerate(days):
            rows += arrivals.take_day(connection, day, "pg_temp")
            tables.add(connection, "pg_temp")
            sessions.add(connection, now.session_gap, "pg_temp")
            building.fill_pending(connection, "pg_temp")
            for table in tables.TABLES:
                differences += _differences(
                    connection, table, f" WHERE bucket >= '{day}'::date AND bucket < '{day}'::date + 1"
                )
                connection.execute(f"TRUNCATE pg_temp.{table}".encode())
            connection.execute("TRUNCATE pg_temp.prelude_arrived, pg_temp.prelude_amended")
            if progress is not None:
                progress(done + 1, len(days))
        differences += _differences(connection, "pending_rows") + _differences(connection, "user_session_summaries")
    return Verified(now.as_of, rows, len(days), differences)


def _differences(connection: Connection, table: str, where: str = "") -> list[Difference]:
    columns = ", ".join(
        f'"{name}"'
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname <> %s"
            " ORDER BY attnum",
            [f"public.{table}", _BOOKKEEPING],
        )
    )
    kept, counted = (f"SELECT {columns} FROM {schema}.{table}{where}" for schema in ("public", "pg_temp"))  # noqa: S608 (constants)
    asked = _DIFFERENT.format(kept=kept, counted=counted, most=_EXAMPLES)
    return [Difference(table, side, row) for side, row in connection.execute(asked.encode())]
