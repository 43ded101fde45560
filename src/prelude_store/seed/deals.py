"""Which customers and deals there are, and which of them somebody turns to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from prelude_store.seed.people import User
    from prelude_store.seed.plan import Past, Piece

__all__ = ["Deals"]

_FIRST_CUSTOMER: Final = 101
_FIRST_DEAL: Final = 10_101
"""Far from the ids that the demo CRM gives to its own."""
_OWN: Final = 0.65
_SCATTER: Final = 7919
"""A prime: neighbouring deals belong to customers far from each other."""


class Deals:
    """Customers and deals as they are in one piece of the past; creating a deal makes it one more.

    Args:
        past: what the piece is of.
        piece: which.
    """

    __slots__ = ("_created", "_customers", "_most", "_people", "_piece")

    def __init__(self, past: Past, piece: Piece) -> None:
        self._customers = past.customers
        self._people = len(past.people)
        self._piece = piece
        self._created = 0
        self._most = piece.deals

    @property
    def count(self) -> int:
        """How many deals there are."""
        return self._piece.first_deal + self._created - _FIRST_DEAL

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return self._customers

    def create(self) -> int | None:
        """The id of a new deal; None when there were enough for now."""
        if self._created >= self._most:
            return None
        self._created += 1
        return self._piece.first_deal + self._created - 1

    def customer(self, user: User, rng: Random) -> int:
        """A customer of the user's own, or one whom many look at."""
        if rng.random() < _OWN:
            own = user.number + self._people * int(rng.random() ** 2 * (self._customers // self._people + 1))
            return _FIRST_CUSTOMER + own % self._customers
        return _FIRST_CUSTOMER + int(rng.random() ** 3 * self._customers)

    def deal(self, user: User, rng: Random) -> int:
        """A deal that somebody turns to: rather a new one, rather one's own."""
        newest = _FIRST_DEAL + self.count - 1
        chosen = newest - int(rng.random() ** 3 * self.count)
        if rng.random() < _OWN:
            own = chosen - (chosen - user.number) % self._people
            return own if own >= _FIRST_DEAL else chosen
        return chosen

    def customer_of(self, deal: int) -> int:
        """Whose deal it is."""
        return _FIRST_CUSTOMER + deal * _SCATTER % self._customers

    def new_id(self, rng: Random) -> int:
        """The id of a note, a call, a file."""
        return rng.randrange(1_000, 100_000_000)
