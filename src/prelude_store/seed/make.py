"""The rows of one piece of a past: pure, and the same whoever makes it."""

from __future__ import annotations

from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING

from prelude_store.seed.deals import Deals
from prelude_store.seed.habits import go_through
from prelude_store.seed.plan import Day, Past, Piece
from prelude_store.seed.visit import Visit

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow

__all__ = ["make"]


def make(past: Past, piece: Piece) -> list[ActivityRow]:
    """Just as many rows as the piece has, sorted by key."""
    rng = Random(f"{past.seed}/{piece.day}/{piece.part}")  # noqa: S311 (made up, not secret)
    day, deals = Day(past, piece.day), Deals(past, piece)
    rows: list[ActivityRow] = []
    while len(rows) < piece.rows:
        user, at_us = day.somebody(rng)
        if past.from_us <= at_us < past.until_us:
            visit = Visit(past, user, at_us, deals, rng)
            go_through(visit)
            rows += visit.rows if visit.at_us < past.until_us else [row for row in visit.rows if row[0] < past.until_us]
    del rows[piece.rows :]
    rows.sort(key=itemgetter(0, 1))
    return rows
