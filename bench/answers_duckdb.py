"""DuckDB with the same rows, in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import psycopg

if TYPE_CHECKING:
    from types import TracebackType

    from bench.answers_panels import Panel, Stretch

__all__ = ["Duck"]

# As the API counts them: a pending row that something completes is left out, one that nothing completed for a day reads as a timeout.
# `life` is the order in which everybody's activities are taken: by time, lane, place in the lane.
_ROWS = """
COPY (
    SELECT row_number() OVER (ORDER BY "timestamp", lane, lane_seq, event_id) AS life, event_id, "timestamp" AT TIME ZONE 'UTC' AS moment, user_email, session_id,
        action_type, action_name, action_category, entity_type, entity_id, page_url, page_route, service_name, user_agent, ip_address,
        CASE WHEN result_status = 'pending' AND "timestamp" < now() - interval '24 hours' THEN 'timeout' ELSE result_status END AS status, result_status,
        action_data, result_data, duration_ms, tags, trace_id, span_id,
        coalesce(action_data->>'customer_id', CASE WHEN action_name = 'view_customer' THEN entity_id END) AS customer_id,
        action_data->>'method' AS method, (action_data->>'value_usd')::numeric AS value_usd
    FROM user_activity_logs AS log
    WHERE NOT (result_status = 'pending' AND EXISTS (
        SELECT FROM user_activity_logs AS ends WHERE ends.completes_event_id = log.event_id
    ))
    ORDER BY "timestamp", lane, lane_seq, event_id
) TO STDOUT (FORMAT csv, HEADER)
"""
_COLUMNS = {
    "life": "BIGINT",
    "event_id": "UUID",
    "moment": "TIMESTAMP",
    **dict.fromkeys(
        (
            "user_email",
            "session_id",
            "action_type",
            "action_name",
            "action_category",
            "entity_type",
            "entity_id",
            "page_url",
            "page_route",
            "service_name",
            "user_agent",
            "ip_address",
            "status",
            "result_status",
            "action_data",
            "result_data",
        ),
        "VARCHAR",
    ),
    "duration_ms": "INTEGER",
    **dict.fromkeys(("tags", "trace_id", "span_id", "customer_id", "method"), "VARCHAR"),
    "value_usd": "DOUBLE",
}


class Duck:
    """A DuckDB file with the rows of a log, warm and open.

    Args:
        url: the log.
        folder: where the file is made, or is there from a time before.
        threads: that it may use.
    """

    def __init__(self, url: str, folder: Path, threads: int = 2) -> None:
        self._connection = duckdb.connect(str(folder / "rows.duckdb"), config={"threads": threads})
        if self._connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'log'").fetchone() == (0,):
            self._fill(url, folder / "rows.csv")

    def _fill(self, url: str, csv: Path) -> None:
        with (
            psycopg.connect(url) as connection,
            connection.cursor() as cursor,
            cursor.copy(_ROWS.encode()) as copy,
            csv.open("wb") as file,
        ):
            for block in copy:
                file.write(block)
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

    def ask(self, panel: Panel, stretch: Stretch) -> list[list[tuple[Any, ...]]]:
        """One question, with all statements that it takes; the rows of each."""
        return [self._connection.execute(statement).fetchall() for statement in panel.statements(stretch)]
