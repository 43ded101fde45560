"""How many rows of a long work one transaction takes, where others may wait for its end: as many as fit into its time.

It learns from what the last ones took. One that takes too long all the same is undone, and done again in smaller ones.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import psycopg

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["TOO_LONG", "Portion", "TooLongError"]

_GOAL: Final = 0.05
"""Seconds that one is to take."""
_LONGEST: Final = 0.08
"""Seconds after which one is undone."""
_TIMEOUT: Final = f"SELECT set_config('statement_timeout', '{_LONGEST * 1000:.0f}', true)"


class TooLongError(Exception):
    """A transaction took too long; it is to be undone."""


TOO_LONG: Final = (TooLongError, psycopg.errors.QueryCanceled)
"""By these a transaction is undone that took too long."""


class Portion:
    """The size of the next transaction.

    Args:
        first: rows of the first.
        least: rows of the smallest; it is let go on, however long it takes.
        most: rows of the largest.

    Attributes:
        size: rows of the next.
        longest: seconds that the longest took that was committed.
    """

    __slots__ = ("_began", "_least", "_most", "longest", "size")

    def __init__(self, *, first: int, least: int, most: int) -> None:
        self.size = first
        self.longest = 0.0
        self._least = least
        self._most = most
        self._began = 0.0

    def begin(self, connection: Connection, rows: int) -> None:
        """From now on others may wait; within the open transaction, behind its wait for locks of others."""
        self._began = time.monotonic()
        if rows > self._least:
            connection.execute(_TIMEOUT)

    def go_on(self, rows: int) -> None:
        """Between two statements.

        Raises:
            TooLongError: it takes too long.
        """
        if rows > self._least and time.monotonic() - self._began > _LONGEST:
            raise TooLongError

    def committed(self, rows: int) -> float:
        """A transaction of `rows` is through; gives the seconds since `begin`."""
        seconds = time.monotonic() - self._began
        self.longest = max(self.longest, seconds)
        fitting = int(rows * _GOAL / max(seconds, 0.001))
        if fitting < rows:
            self.size = max(fitting, self._least)
        elif rows >= self.size:
            self.size = min(fitting, self.size + self.size // 4 + 1, self._most)
        return seconds

    def undone(self, rows: int) -> bool:
        """A transaction of `rows` ended by one of `TOO_LONG`; gives whether a smaller one may do."""
        self.size = max(rows // 2, self._least)
        return rows > self._least
