"""Rows of a question as NDJSON and CSV, made by the database itself: Python passes bytes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_store.formulas import SQL_FORMULA, SQL_HARMLESS, defused
from prelude_store.mentions.json_text import Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prelude_store.connection import Connection
    from prelude_store.dossier.archive import Archive

__all__ = ["csv_row", "write_csv", "write_ndjson"]

# Nothing that JSON prints holds either character, so each line comes as it is.
_AS_JSON: Final = "COPY (SELECT row_to_json(part)::text FROM ({question}) AS part) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
_AS_CSV: Final = "COPY (SELECT {columns} FROM ({question}) AS part) TO STDOUT (FORMAT csv)"
_HARMLESS: Final = frozenset({16, 20, 21, 23, 700, 701, 1082, 1114, 1184, 1700, 2950})
"""OIDs of types whose text begins with no sign that matters: booleans, numbers, times, uuids."""


def write_ndjson(connection: Connection, archive: Archive, name: str, question: str) -> Iterator[bytes]:
    """Write the rows of `question`, a JSON object a line; gives what is ready of the archive."""
    yield from _copied(connection, archive, name, _AS_JSON.format(question=question), b"")


def write_csv(connection: Connection, archive: Archive, name: str, question: str) -> Iterator[bytes]:
    """The same as CSV (RFC 4180) with the names of its columns; texts are `defused`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({question}) AS part LIMIT 0".encode())  # noqa: S608 (constants)
        described = [(column.name, column.type_code) for column in cursor.description or ()]
    columns = ", ".join(_column(column, kind) for column, kind in described)
    statement = _AS_CSV.replace("{columns}", columns).replace("{question}", question)
    head = ",".join(column for column, _ in described).encode() + b"\n"
    yield from _copied(connection, archive, name, statement, head)


def _column(name: str, kind: int) -> str:
    quoted = f'"{name}"'
    if kind in _HARMLESS:
        return quoted
    return (
        f"CASE WHEN left({quoted}::text, 1) ~ '{SQL_HARMLESS}' THEN {quoted}::text"
        f" WHEN {quoted}::text ~ '{SQL_FORMULA}' THEN '''' || {quoted}::text ELSE {quoted}::text END"
    )


def _copied(connection: Connection, archive: Archive, name: str, statement: str, head: bytes) -> Iterator[bytes]:
    with archive.file(name) as entry, connection.cursor() as cursor:
        entry.write(head)
        with cursor.copy(statement.encode()) as copy:
            for portion in _gathered(copy):
                entry.write(portion)
                yield from archive.ready()
        entry.rows = cursor.rowcount


def _gathered(copy: Any) -> Iterator[bytes]:
    """Lines, many at a time: each step through zip and hash costs as much as a line."""
    waiting: list[bytes] = []
    size = 0
    for line in copy:
        waiting.append(bytes(line))
        size += len(waiting[-1])
        if size >= 65_536:  # noqa: PLR2004
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    yield b"".join(waiting)


def csv_row(values: Sequence[Any]) -> list[Any]:
    """Cells of one line that Python writes; texts are `defused`."""
    return [defused(value) if isinstance(value, str) and not isinstance(value, Number) else value for value in values]
