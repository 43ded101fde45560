"""The whole database as text, as a search for a trace of somebody would read it; and the log row by row."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

Superuser = psycopg.Connection[tuple[Any, ...]]

_TABLES = """
SELECT relname, array_agg(attname::text ORDER BY attnum), array_agg(atttypid = 'bytea'::regtype ORDER BY attnum) FROM pg_class
JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped GROUP BY relname ORDER BY relname
"""


def dump(connection: Superuser) -> str:
    """Every table of ours, partitions among them, with bytes shown as the text that they hold."""
    lines = []
    for table, columns, binary in connection.execute(_TABLES).fetchall():
        shown = sql.SQL(", ").join(
            sql.SQL("encode({}, 'escape')" if is_binary else "{}::text").format(sql.Identifier(column))
            for column, is_binary in zip(columns, binary, strict=True)
        )
        question = sql.SQL("SELECT concat_ws(E'\\t', {}) FROM {}").format(shown, sql.Identifier("public", table))
        lines += [f"{table}: {line}" for (line,) in connection.execute(question)]
    return "\n".join(lines)


def rows_by_id(connection: Superuser) -> dict[str, str]:
    """The log as text, by event id, without lengths, which may come later."""
    question = "SELECT event_id::text, (to_jsonb(log) - 'duration_ms')::text FROM user_activity_logs AS log"
    return dict(connection.execute(question).fetchall())
