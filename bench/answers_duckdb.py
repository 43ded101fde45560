"""DuckDB with the same rows, in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb
import psycopg

if TYPE_CHECKING:
    from types import TracebackType

    from bench.answers_panels import Panel

__all__ = ["Duck"]

# As the API counts them: a pending row that something completes is left out, one that nothing completed for a day reads as a timeout.
_ROWS = """
COPY (
    SELECT "timestamp" AT TIME ZONE 'UTC' AS moment, user_email, session_id, action_type, action_name, service_name, entity_type, entity_id, page_route,
        CASE WHEN result_status = 'pending' AND "timestamp" < now() - interval '24 hours' THEN 'timeout' ELSE result_status END AS status,
        duration_ms, coalesce(action_data->>'customer_id', CASE WHEN action_name = 'view_customer' THEN entity_id END) AS customer_id,
        action_data->>'method' AS method, (action_data->>'value_usd')::numeric AS value_usd
    FROM user_activity_logs AS log
    WHERE NOT (result_status = 'pending' AND EXISTS (
        SELECT FROM user_activity_logs AS ends WHERE ends.completes_event_id = log.event_id
    ))
    ORDER BY "timestamp"
) TO STDOUT (FORMAT csv, HEADER)
"""
_COLUMNS = (
    "{'moment': 'TIMESTAMP', 'user_email': 'VARCHAR', 'session_id': 'VARCHAR', 'action_type': 'VARCHAR', 'action_name': 'VARCHAR', "
    "'service_name': 'VARCHAR', 'entity_type': 'VARCHAR', 'entity_id': 'VARCHAR', 'page_route': 'VARCHAR', 'status': 'VARCHAR', "
    "'duration_ms': 'INTEGER', 'customer_id': 'VARCHAR', 'method': 'VARCHAR', 'value_usd': 'DOUBLE'}"
)


class Duck:
    """A DuckDB file with the rows of a log, warm and open.

    Args:
        url: the log.
        folder: where the file is made.
        threads: that it may use.
    """

    def __init__(self, url: str, folder: Path, threads: int = 2) -> None:
        csv = folder / "rows.csv"
        with (
            psycopg.connect(url) as connection,
            connection.cursor() as cursor,
            cursor.copy(_ROWS.encode()) as copy,
            csv.open("wb") as file,
        ):
            for block in copy:
                file.write(block)
        self._connection = duckdb.connect(str(folder / "rows.duckdb"), config={"threads": threads})
        self._connection.execute(f"CREATE TABLE log AS FROM read_csv('{csv}', header = true, columns = {_COLUMNS})")
        csv.unlink()
        self._connection.execute("CHECKPOINT")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def rows(self) -> int:
        """How many it has."""
        found = self._connection.execute("SELECT count(*) FROM log").fetchone()
        return int(found[0]) if found else 0

    def ask(self, panel: Panel, days: int) -> None:
        """One question, with all statements that it takes."""
        for statement in panel.statements(days):
            self._connection.execute(statement).fetchall()
