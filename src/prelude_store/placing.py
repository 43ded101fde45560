"""Rows into the log: all at once where they are new, around what is there already where they are not."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg import sql
from psycopg.errors import UniqueViolation

from prelude_store.copy_text import COPY_COLUMNS, copy_lines, copy_statement
from prelude_store.known import known_rows

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.row import ActivityRow

__all__ = ["NOTHING", "Placed", "Way", "place"]

_COLUMNS: Final = ", ".join(f'"{column}"' for column in COPY_COLUMNS)
_COPY: Final = sql.SQL(copy_statement("public.user_activity_logs"))
_COPY_ASIDE: Final = sql.SQL(copy_statement("pg_temp.prelude_incoming"))
_MAKE_ASIDE: Final = sql.SQL(
    "CREATE TEMP TABLE IF NOT EXISTS prelude_incoming ("
    + ", ".join(f'"{column}" {kind}' for column, kind in COPY_COLUMNS.items())
    + ") ON COMMIT DELETE ROWS"
)
_INSERT_NEW: Final = sql.SQL(
    f"INSERT INTO public.user_activity_logs ({_COLUMNS}) SELECT {_COLUMNS} FROM pg_temp.prelude_incoming"  # noqa: S608 (constants)
    ' ORDER BY "timestamp", event_id ON CONFLICT DO NOTHING RETURNING event_id::text'
)
_SMALL: Final = 500
"""Halves below this go in one: a savepoint would cost more than it saves."""


class Way(Enum):
    """How rows get into the log. Each is surer than the one before, and slower."""

    STRAIGHT = auto()
    """COPY, as if all were new."""
    LOOKING = auto()
    """Look first which are there, and COPY the others. Another writer may still come between."""
    ASIDE = auto()
    """By way of a temporary table, and ON CONFLICT: nobody can come between."""


class Placed(NamedTuple):
    """What became of rows.

    Args:
        new: ids of those that were not there; None: all.
        inserted: how many those are.
        known: places of those that were, True where the content is the same.
    """

    new: set[str] | None
    inserted: int
    known: dict[int, bool]

    def holds(self, event_id: str) -> bool:
        """Whether the row with this id is new."""
        return self.new is None or event_id in self.new


NOTHING: Final = Placed(None, 0, {})


def place(connection: Connection, rows: list[ActivityRow], lane: int, first_seq: int, way: Way) -> Placed:
    """Put `rows`, sorted by key, into the log, numbered in `lane` from `first_seq` on; within an open transaction.

    Raises:
        psycopg.errors.UniqueViolation: some are there already, and `way` did not see them coming.
    """
    if way is Way.ASIDE:
        new = _copy_aside(connection, copy_lines(rows, lane, first_seq))
        # Now with the new ones, whose content is the same.
        return Placed(new, len(new), known_rows(connection, rows))
    if way is Way.LOOKING:
        return _around(connection, rows, lane, first_seq)
    middle = len(rows) // 2
    if middle < _SMALL:
        _copy(connection, _COPY, copy_lines(rows, lane, first_seq))
        return Placed(None, len(rows), {})
    # In two, so that one row that is there never costs all the work: in the first half it is found early, in the second a savepoint
    # keeps the first. A resend may cost twice as much as a first send at most, wherever its known rows stand.
    _copy(connection, _COPY, copy_lines(rows[:middle], lane, first_seq))
    try:
        with connection.transaction():
            _copy(connection, _COPY, copy_lines(rows[middle:], lane, first_seq + middle))
    except UniqueViolation:
        return _around(connection, rows, lane, first_seq, middle)
    return Placed(None, len(rows), {})


def _around(connection: Connection, rows: list[ActivityRow], lane: int, first_seq: int, start: int = 0) -> Placed:
    """COPY those of `rows` from `start` on that are not there; the ones before are."""
    known = {start + at: same for at, same in known_rows(connection, rows[start:]).items()}
    fresh = [row for at, row in enumerate(rows[start:], start) if at not in known]
    if fresh:
        _copy(connection, _COPY, copy_lines(fresh, lane, first_seq + start))
    new = {row.event_id for row in rows[:start]} | {row.event_id for row in fresh} if known else None
    return Placed(new, start + len(fresh), known)


def _copy(connection: Connection, statement: sql.SQL, lines: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(lines)


def _copy_aside(connection: Connection, lines: bytes) -> set[str]:
    connection.execute(_MAKE_ASIDE)
    _copy(connection, _COPY_ASIDE, lines)
    return {event_id for (event_id,) in connection.execute(_INSERT_NEW)}
