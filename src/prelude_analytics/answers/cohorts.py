"""Cohorts: of those who came first in one period, how many came back in which. The definitions stand in docs/questions.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.answers.lives import NEVER, Runs
from prelude_store.timeline.columns import DAY_US, Ints

__all__ = [
    "Cohort",
    "Moments",
    "Returns",
    "cohorts",
    "edges_are_enough",
    "edges_of",
    "first_moments",
    "members",
    "returned",
]


@dataclass(frozen=True, slots=True)
class Moments:
    """Who was active when: one entry a moment, in any order; microseconds since the epoch."""

    users: Ints
    times: Ints


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those whose first moment lies in one period.

    Attributes:
        starts_us: beginning of the period, in microseconds since the epoch.
        users: how many they are.
        returned: how many of them were active in that period, the next one, and so on.
        complete: which of those periods were over for all of them when the range ended.
    """

    starts_us: int
    users: int
    returned: list[int]
    complete: list[bool]


@dataclass(frozen=True, slots=True)
class Returns:
    """Who came back when: one entry a user, in rising order of users.

    Attributes:
        belongs: number of the cohort.
        came: a row a user: in which periods, from that of the cohort on.
    """

    belongs: Ints
    came: NDArray[np.bool_]


def edges_of(stretches: list[Runs]) -> Moments:
    """First and last moment of each user in each stretch."""
    nothing = np.zeros(0, dtype=np.int64)
    users = np.concatenate([nothing, *(runs.users for runs in stretches)])
    first = np.concatenate([nothing, *(runs.first_times for runs in stretches)])
    last = np.concatenate([nothing, *(runs.last_times for runs in stretches)])
    return Moments(np.concatenate([users, users]), np.concatenate([first, last]))


def edges_are_enough(periods_us: Ints) -> bool:
    """Whether a user's first and last moment of a UTC day tell all periods in which the user was active on it.

    They do not where a whole period lies within one: when clocks make a day so short.
    """
    inside = periods_us % DAY_US != 0
    days = periods_us // DAY_US
    return not bool(np.any(inside[1:] & inside[:-1] & (days[1:] == days[:-1])))


def first_moments(moments: Moments, known_before: Ints) -> Moments:
    """The first moment of each user who is not among `known_before`, in rising order of users."""
    users, place = np.unique(moments.users, return_inverse=True)
    first = np.full(len(users), NEVER, dtype=np.int64)
    np.minimum.at(first, place, moments.times)
    new = ~np.isin(users, known_before)
    return Moments(users[new], first[new])


def returned(first: Moments, returns: Moments, periods_us: Ints, until_us: int, rolling_us: int | None) -> Returns:
    """Who came back, and in which periods.

    Args:
        first: one moment a user, in rising order of users, each within the periods.
        returns: when users did what counts as a return; whoever is not in `first` is left out.
        periods_us: where the periods of the calendar begin, and last where the last one ends.
        until_us: end of the range: what is known.
        rolling_us: length of a period that counts from each user's first moment; None to count in periods of the calendar.
    """
    belongs = np.searchsorted(periods_us, first.times, side="right") - 1
    place = np.searchsorted(first.users, returns.users)
    np.minimum(place, max(len(first.users) - 1, 0), out=place)
    known = first.users[place] == returns.users if len(first.users) else np.zeros(len(place), dtype=bool)
    place, times = place[known], returns.times[known]
    if rolling_us is None:
        columns = len(periods_us) - 1
        later = np.searchsorted(periods_us, times, side="right") - 1 - belongs[place]
    else:
        columns = int(-(-(until_us - int(periods_us[0])) // rolling_us))
        later = (times - first.times[place]) // rolling_us
    came = np.zeros((len(first.users), columns), dtype=bool)
    fits = (later >= 0) & (later < columns)
    came[place[fits], later[fits]] = True
    return Returns(belongs, came)


def cohorts(found: Returns, periods_us: Ints, until_us: int, rolling_us: int | None) -> list[Cohort]:
    """The table of cohorts; one for each period, also where nobody came. Arguments as of `returned`, whose answer is `found`."""
    count = len(periods_us) - 1
    columns = found.came.shape[1]
    sizes = np.bincount(found.belongs, minlength=count)
    order = np.argsort(found.belongs, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    table = []
    for number in range(count):
        mine = found.came[order[bounds[number] : bounds[number + 1]]]
        ends = _ends(periods_us, number, columns, rolling_us)
        begins = _begins(periods_us, number, columns, rolling_us)
        shown = int(np.sum(begins < until_us))
        table.append(
            Cohort(
                int(periods_us[number]),
                int(sizes[number]),
                [int(value) for value in mine.sum(axis=0)[:shown]],
                [bool(end <= until_us) for end in ends[:shown]],
            )
        )
    return table


def members(found: Returns, number: int, later: int | None) -> Ints:
    """Places, among the users, of those behind a figure of the table.

    Args:
        number: of the cohort.
        later: in which period from theirs on they came; None: all of the cohort.
    """
    chosen = found.belongs == number
    if later is not None:
        chosen &= found.came[:, later] if later < found.came.shape[1] else False
    return np.flatnonzero(chosen)


def _begins(periods_us: Ints, number: int, columns: int, rolling_us: int | None) -> Ints:
    """When each period begins for the first of a cohort."""
    counted: Ints = periods_us[number] + np.arange(columns) * (rolling_us or 0)
    return periods_us[number:-1] if rolling_us is None else counted


def _ends(periods_us: Ints, number: int, columns: int, rolling_us: int | None) -> Ints:
    """When each period is over for the last of a cohort."""
    counted: Ints = periods_us[number + 1] + np.arange(1, columns + 1) * (rolling_us or 0)
    return periods_us[number + 1 :] if rolling_us is None else counted
