"""Who uses the CRM: people with a role, a zone, a measure of diligence, and a first and last day."""

from __future__ import annotations

from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

__all__ = ["ROLES", "ZONES", "User", "users", "weight"]

ZONES: Final = (
    "Europe/Berlin",
    "America/New_York",
    "Europe/London",
    "Asia/Kolkata",
    "America/Los_Angeles",
    "Australia/Sydney",
    "America/Sao_Paulo",
    "Asia/Tokyo",
)
_ZONE_SHARES: Final = (30, 24, 14, 12, 8, 5, 4, 3)
ROLES: Final = ("sales", "support", "manager")
_ROLE_SHARES: Final = (62, 26, 12)

_DILIGENCE: Final = ((12, 3.2), (48, 1.0), (26, 0.3), (14, 0.06))
"""Of a hundred people so many are so busy: the heavy, the usual, the light, and those who look in now and then."""
_JOINERS, _LEAVERS, _ABSENT = 0.30, 0.16, 0.35
_FOREVER: Final = 1 << 30
_NEW_DAYS, _NEW_WEIGHT = 4, 1.5
_FIRST: Final = (
    "Ada", "Amir", "Ana", "Ben", "Bram", "Carla", "Chidi", "Dana", "Dora", "Elif", "Emil", "Ewa", "Farah", "Finn", "Grace", "Hana",
    "Hugo", "Ines", "Ivo", "Jonas", "Julia", "Kofi", "Lars", "Leila", "Li", "Luca", "Maja", "Mateo", "Mei", "Mina", "Nina", "Noah",
    "Olu", "Omar", "Otto", "Piet", "Priya", "Raj", "Rosa", "Ruth", "Sam", "Sara", "Signe", "Tess", "Tom", "Vera", "Yusuf", "Zoe",
)  # fmt: skip
_LAST: Final = (
    "Adeyemi", "Amin", "Aziz", "Bakker", "Bello", "Berg", "Blum", "Burke", "Castillo", "Chen", "Clarke", "Costa", "Cruz", "Dahl", "Demir",
    "Diaz", "Eze", "Fischer", "Fox", "Haddad", "Holm", "Jung", "Khan", "Kraus", "Lang", "Levi", "Lindqvist", "Lund", "Marsh", "Mensah",
    "Moreau", "Mori", "Nair", "Nowak", "Obi", "Patel", "Petrov", "Price", "Reyes", "Ricci", "Roy", "Said", "Sato", "Silva", "Stein",
    "Tran", "Volk", "Weber",
)  # fmt: skip
_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:139.0) Gecko/20100101 Firefox/139.0",
)
_APP: Final = "PreludeMobile/3.2 (iOS 18.4)"


class User(NamedTuple):
    """Somebody who uses the CRM.

    Args:
        number: from 0.
        zone: which of `ZONES`.
        role: one of `ROLES`.
        diligence: how much they do on a usual day; 1 is usual.
        first_day: the first day of work, counted from the first of the range; negative for those who were there before.
        last_day: the last one.
        away: the first and the last day of a long absence; the first lies after the last where there is none.
        app: whether they come by an app that sends no session id.
    """

    number: int
    email: str
    zone: int
    role: str
    diligence: float
    first_day: int
    last_day: int
    away: tuple[int, int]
    agent: str
    address: str
    app: bool


def users(count: int, days: int, seed: str) -> list[User]:
    """So many people over so many days. The first is the reference's, ``user@company.com``: in sales, diligent, always there."""
    rng = Random(f"{seed}/people")  # noqa: S311 (made up, not secret)
    names = [f"{first}.{last}".lower() for first in _FIRST for last in _LAST]
    rng.shuffle(names)
    made = [_user(number, names, days, rng) for number in range(count)]
    first = made[0]._replace(
        email="user@company.com",
        zone=0,
        role="sales",
        diligence=2.5,
        first_day=-1,
        last_day=_FOREVER,
        away=(0, -1),
        app=False,
    )
    return [first, *made[1:]]


def weight(user: User, day: int) -> float:
    """How much `user` does on `day`, were it a usual one. Whoever is new tries everything."""
    if not user.first_day <= day <= user.last_day or user.away[0] <= day <= user.away[1]:
        return 0.0
    return user.diligence * (_NEW_WEIGHT if 0 <= day - user.first_day < _NEW_DAYS and user.first_day >= 0 else 1.0)


def _user(number: int, names: list[str], days: int, rng: Random) -> User:
    name = names[number % len(names)] + (str(number // len(names) + 1) if number >= len(names) else "")
    first_day, last_day = _stay(days, rng)
    away = (0, -1)
    if rng.random() < _ABSENT:
        begins = rng.randrange(days)
        away = (begins, begins + rng.randint(4, 15))
    app = rng.random() < 0.06
    return User(
        number=number,
        email=f"{name}@prelude.example",
        zone=_one_of(_ZONE_SHARES, rng),
        role=ROLES[_one_of(_ROLE_SHARES, rng)],
        diligence=_DILIGENCE[_one_of([share for share, _ in _DILIGENCE], rng)][1] * rng.uniform(0.7, 1.4),
        first_day=first_day,
        last_day=last_day,
        away=away,
        agent=_APP if app else rng.choice(_AGENTS),
        address=f"198.18.{number // 250 % 250}.{number % 250 + 1}",
        app=app,
    )


def _stay(days: int, rng: Random) -> tuple[int, int]:
    """First and last day. Of those who join many stay for a few days only, fewer for some weeks, and about half for good."""
    if rng.random() < _JOINERS:
        first = rng.randrange(days)
        fate = rng.random()
        if fate < 0.22:
            return first, first + rng.randint(0, 6)
        return first, (first + rng.randint(7, 45) if fate < 0.46 else _FOREVER)
    return -1, rng.randrange(days) if rng.random() < _LEAVERS else _FOREVER


def _one_of(shares: tuple[int, ...] | list[int], rng: Random) -> int:
    drawn = rng.random() * sum(shares)
    return next(place for place, until in enumerate(accumulate(shares)) if drawn < until)
