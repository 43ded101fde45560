"""How many rows each day has, cut into pieces that are made apart from each other."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prelude_store.seed.people import ZONES, User, users, weight
from prelude_store.seed.rhythm import SLOT_S, SLOTS, slot_weights

if TYPE_CHECKING:
    from random import Random

__all__ = ["DAY_US", "Day", "Past", "Piece", "past"]

DAY_US: Final = 86_400_000_000
_SLOT_US: Final = SLOT_S * 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS_A_PERSON: Final = 60
"""Rows of a usual person on a usual day, where nobody says how many people there are."""
_FEWEST, _MOST = 12, 5000
_PIECE: Final = 20_000
_ROWS_A_CUSTOMER: Final = 250
_ROWS_A_DEAL: Final = 80
"""About as many rows as there are to each deal that is created."""
_FIRST_DEAL: Final = 10_456
_INCIDENT_US: Final = 2 * 3600 * 1_000_000
_INCIDENT_STARTS: Final = timedelta(hours=14)
_WORKDAYS: Final = (1, 2, 3)
_INCIDENT_WITHIN: Final = 9


@dataclass(frozen=True, slots=True)
class Past:
    """All that the rows of one past depend on.

    Attributes:
        seed: the dice.
        rows: how many.
        from_us: the first moment, in microseconds since the epoch.
        until_us: the end; all rows lie before it.
        people: everybody.
        customers: how many customers there are, numbered from 101.
        incident: begin and end of the two hours in which the database is in trouble, in microseconds since the epoch.
    """

    seed: str
    rows: int
    from_us: int
    until_us: int
    people: list[User]
    customers: int
    incident: tuple[int, int]

    @property
    def days(self) -> range:
        """The UTC days that it touches, counted from 1970."""
        return range(self.from_us // DAY_US, (self.until_us - 1) // DAY_US + 1)

    def pieces(self) -> list[Piece]:
        """The past in pieces, in order of time. Their rows add up to `rows`."""
        shares = list(accumulate(Day(self, number).weight for number in range(len(self.days))))
        made, before = [], 0
        for number, share in enumerate(shares):
            upto = round(self.rows * share / shares[-1])
            parts = -(-(upto - before) // _PIECE)
            for part in range(parts):
                first, last = ((upto - before) * place // parts for place in (part, part + 1))
                made.append(Piece(number, part, last - first, _FIRST_DEAL + (before + first) // _ROWS_A_DEAL))
            before = upto
        return made


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of one day.

    Attributes:
        day: which, counted from the first of the past.
        part: which piece of that day.
        rows: how many.
        first_deal: the id of the first deal that is created in it.
    """

    day: int
    part: int
    rows: int
    first_deal: int

    @property
    def deals(self) -> int:
        """How many deals it may create before it would use the ids of the next piece."""
        return self.rows // _ROWS_A_DEAL


class Day:
    """Who does how much on one day, and when.

    Args:
        past: what it is a day of.
        number: which, from 0.
    """

    def __init__(self, past: Past, number: int) -> None:
        day = past.days[number]
        self.begins_us = day * DAY_US
        date_ = (_EPOCH + timedelta(days=day)).date()
        self._people: list[list[User]] = [[] for _ in ZONES]
        for user in past.people:
            self._people[user.zone].append(user)
        self._diligence = [list(accumulate(weight(user, number) for user in people)) for people in self._people]
        slots = [self._slots(past, zone, date_, number) for zone in range(len(ZONES))]
        busy = [
            slot * (self._diligence[zone][-1] if self._diligence[zone] else 0.0)
            for zone, weights in enumerate(slots)
            for slot in weights
        ]
        self._busy = list(accumulate(busy))

    @property
    def weight(self) -> float:
        """How busy the day is, beside other days of the same past."""
        return self._busy[-1]

    def somebody(self, rng: Random) -> tuple[User, int]:
        """Who begins a session, and when (microseconds since the epoch)."""
        drawn = rng.random
        zone, slot = divmod(bisect(self._busy, drawn() * self._busy[-1]), SLOTS)
        diligence = self._diligence[zone]
        user = self._people[zone][bisect(diligence, drawn() * diligence[-1])]
        return user, self.begins_us + slot * _SLOT_US + int(drawn() * _SLOT_US)

    def _slots(self, past: Past, zone: int, date_: date, number: int) -> list[float]:
        """Weights of the day's half-hours; those out of range are 0."""
        weights = slot_weights(ZONES[zone], date_, number)
        begins = range(self.begins_us, self.begins_us + DAY_US, _SLOT_US)
        return [
            max(0.0, min(begin + _SLOT_US, past.until_us) - max(begin, past.from_us)) / _SLOT_US * each
            for begin, each in zip(begins, weights, strict=True)
        ]


def past(rows: int, days: int, until: datetime, seed: str, people: int | None = None) -> Past:
    """The past that ends at `until`.

    Args:
        rows: how many activities.
        days: how many days long.
        until: with its zone.
        seed: the same gives the same.
        people: how many; by default as many as such a number of rows takes.
    """
    until_us = (until - _EPOCH) // timedelta(microseconds=1)
    count = max(_FEWEST, min(rows // days // _ROWS_A_PERSON, _MOST)) if people is None else people
    return Past(
        seed=seed,
        rows=rows,
        from_us=until_us - days * DAY_US,
        until_us=until_us,
        people=users(count, days + 1, seed),
        customers=max(50, rows // _ROWS_A_CUSTOMER),
        incident=_incident(until, days),
    )


def _incident(until: datetime, days: int) -> tuple[int, int]:
    """Two hours of a Tuesday, Wednesday or Thursday within the last days; the middle of a past that is too short for one."""
    midnight = datetime.combine(until.astimezone(UTC).date(), datetime.min.time(), UTC)
    for back in range(2, min(days - 1, _INCIDENT_WITHIN)):
        day = midnight - timedelta(days=back)
        if day.weekday() in _WORKDAYS:
            begins = (day + _INCIDENT_STARTS - _EPOCH) // timedelta(microseconds=1)
            return begins, begins + _INCIDENT_US
    begins = (until - timedelta(days=days / 2) - _EPOCH) // timedelta(microseconds=1)
    return begins, begins + _INCIDENT_US
