"""Whether what is kept is what raw rows say, day by day: rollups and sessions at the watermark, the timeline as far as it was followed.
Several connections that see one snapshot share the work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_otel.errors import StoreError
from prelude_store.rollups import arrivals, building, gone, tables
from prelude_store.rollups.keeper import connected
from prelude_store.rollups.state import state
from prelude_store.sessions import keep as sessions
from prelude_store.timeline.verify import Comparing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date, datetime, timedelta

    from prelude_store.connection import Connection

__all__ = ["Difference", "Verified", "verify"]

_EXAMPLES: Final = 3
"""Differences of one table and day that are shown."""

_OF_A_DAY: Final = (
    *tables.TABLES, "pending_rows", "prelude_arrived", "prelude_amended", "prelude_kinds", "prelude_sketches",
)  # fmt: skip
_WORKERS: Final = 2
"""Connections that count rollups; one more makes sessions, which add up from the first day to the last, and one reads the timeline's days."""
_TIMES: Final = 3
"""How often a day is told: for its rollups, its sessions and its timeline."""
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


def verify(conninfo: str, progress: Callable[[int, int], None] | None = None) -> Verified:
    """Count everything anew, beside what is kept, and compare. Takes about as long as building it; changes nothing.

    Counts that stand for rows that went by retention can't be compared, and are left out.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``.
        progress: told days done and days in all; each day counts three times: for its rollups, its sessions and its timeline.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreError: a rebuild is under way, or was interrupted.
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    with connected(conninfo, "prelude-verify") as connection, connection.transaction(force_rollback=True):
        now = state(connection)
        if now.to_build:
            raise StoreError(
                "a rebuild is not finished: let the keeper or prelude store rollup rebuild go on with it first"
            )
        days: list[date] = [day for (day,) in connection.execute(building.ALL_DAYS.encode())]
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # it waits for the others
        ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()")
        work = _Work(conninfo, snapshot, days, progress)
        with ThreadPoolExecutor(_WORKERS + 2) as pool:
            rollups = [pool.submit(work.count_rollups) for _ in range(_WORKERS)]
            beside = [pool.submit(work.make_sessions, now.session_gap), pool.submit(work.compare_timeline)]
            try:
                _copy(connection, "superseded_rows")
                differences = _differences(connection, "superseded_rows")
                differences += _pending_of_other_days(connection, days)
                for one in (*rollups, *beside):
                    differences += one.result()
            finally:
                work.unwanted.set()
    return Verified(now.as_of, work.rows, len(days), differences)


class _Work:
    """What is done, and what is left to do."""

    def __init__(
        self, conninfo: str, snapshot: str, days: list[date], progress: Callable[[int, int], None] | None
    ) -> None:
        self.rows = 0
        self.unwanted = Event()
        self._conninfo, self._snapshot, self._days, self._progress = conninfo, snapshot, days, progress
        self._left = iter(days)
        self._done = 0
        self._lock = Lock()

    def count_rollups(self) -> list[Difference]:
        """The differences of days that nobody else takes."""
        differences: list[Difference] = []
        with self._connection() as connection:
            for table in (*tables.TABLES, "superseded_rows", "pending_rows"):
                _copy(connection, table)
            while (day := self._next_day()) is not None:
                rows = arrivals.take_day(connection, day, "pg_temp")
                tables.add(connection, "pg_temp", fresh=True)
                building.fill_pending(connection, "pg_temp")
                for table in tables.TABLES:
                    differences += _differences(connection, table, f"{_on('bucket', day)} AND {gone.FOLLOWS[table]}")
                differences += _differences(connection, "pending_rows", _on('"timestamp"', day))
                connection.execute(f"TRUNCATE {', '.join(f'pg_temp.{table}' for table in _OF_A_DAY)}".encode())
                self._tell(rows)
        return differences

    def make_sessions(self, gap: timedelta) -> list[Difference]:
        """The differences of sessions."""
        with self._connection() as connection:
            for table in ("user_session_summaries", "superseded_rows"):
                _copy(connection, table)
            for day in self._days:
                if self.unwanted.is_set():
                    return []
                arrivals.take_day_in_sessions(connection, day, "pg_temp")
                sessions.add(connection, gap, "pg_temp")
                connection.execute("TRUNCATE pg_temp.prelude_arrived")
                self._tell(0)
            return _differences(connection, "user_session_summaries")

    def compare_timeline(self) -> list[Difference]:
        """The differences of the timeline. Days that will be made anew anyway are left out."""
        differences: list[Difference] = []
        with self._connection() as connection:
            timeline = Comparing(connection, self._days, _EXAMPLES)
            compared, counted = set(timeline.days), set(self._days)
            for day in sorted(compared | counted):
                if self.unwanted.is_set():
                    return []
                if day in compared:
                    differences += [Difference(*found) for found in timeline.differences(day)]
                if day in counted:
                    self._tell(0)
            return differences

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with connected(self._conninfo, "prelude-verify") as connection, connection.transaction(force_rollback=True):
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'".encode())
            yield connection

    def _next_day(self) -> date | None:
        with self._lock:
            return None if self.unwanted.is_set() else next(self._left, None)

    def _tell(self, rows: int) -> None:
        with self._lock:
            self.rows += rows
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, _TIMES * len(self._days))


def _copy(connection: Connection, table: str) -> None:
    """An empty table of that name, beside the one that is kept; of those who was ended is known at once."""
    # What is looked for by its key needs the index; what is only added to does without.
    including = "DEFAULTS" if table in tables.TABLES else "ALL"
    connection.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING {including}) ON COMMIT DROP".encode())
    if table == "superseded_rows":
        building.fill_superseded(connection, "pg_temp")


def _on(column: str, day: date) -> str:
    return f" WHERE {column} >= '{day}'::date AND {column} < '{day}'::date + 1"


def _pending_of_other_days(connection: Connection, days: list[date]) -> list[Difference]:
    found = connection.execute(
        "SELECT to_jsonb(kept)::text FROM public.pending_rows AS kept"
        """ WHERE ("timestamp" AT TIME ZONE 'UTC')::date <> ALL (%s) LIMIT %s""",
        [days, _EXAMPLES],
    )
    return [Difference("pending_rows", "kept", row) for (row,) in found]


def _differences(connection: Connection, table: str, where: str = "") -> list[Difference]:
    columns = ", ".join(
        f'"{name}"'
        for (name,) in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname <> %s"
            " ORDER BY attnum",
            [f"public.{table}", _BOOKKEEPING],
        )
    )
    kept, counted = (f"SELECT {columns} FROM {schema}.{table} AS rollup{where}" for schema in ("public", "pg_temp"))  # noqa: S608 (constants)
    asked = _DIFFERENT.format(kept=kept, counted=counted, most=_EXAMPLES)
    return [Difference(table, side, row) for side, row in connection.execute(asked.encode())]
