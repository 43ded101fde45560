"""What an SQLSTATE says about whose fault it was (`architecture.md`, promises 3 to 5): a pure function."""

from __future__ import annotations

from enum import Enum, auto

import psycopg

__all__ = ["Verdict", "judge"]


class Verdict(Enum):
    """What to do about an error of the database."""

    DUPLICATE = auto()
    """A row is there already: write the batch again, carefully."""
    CONTENDED = auto()
    """Two writers were in each other's way: again, at once."""
    NO_PARTITION = auto()
    """The time of a row has no partition (any more): make it, and again."""
    BAD_ROW = auto()
    """A row that can't be stored, whoever sends it: find it, and quarantine it."""
    UNAVAILABLE = auto()
    """Not the rows' fault: the sender shall come again."""


def judge(error: psycopg.Error) -> Verdict:
    """Whose fault `error` is.

    Class 54 (a limit of PostgreSQL, such as an index entry above 2.7 kB or JSON nested too deep) is the row's fault like 22 and 23:
    sent again, it would fail for ever, and its neighbours with it. So is what the driver itself can't send, which has no SQLSTATE.
    """
    state = error.sqlstate or ""
    if state == "23505":
        return Verdict.DUPLICATE
    if state == "23514" and error.diag.constraint_name is None:
        return Verdict.NO_PARTITION
    if state[:2] == "40":
        return Verdict.CONTENDED
    if state[:2] in {"22", "23", "54"} or (
        not state and isinstance(error, psycopg.DataError | psycopg.ProgrammingError)
    ):
        return Verdict.BAD_ROW
    return Verdict.UNAVAILABLE
