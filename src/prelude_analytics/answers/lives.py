"""Rows of many users as arrays, in an order of life that one number tells.

Time is cut into *stretches* that follow each other (mostly UTC days). A row's *key* is (user, stretch, ordinal) in one int64, where
the ordinal is its place among the rows of its user in that stretch. So keys in rising order are users one after the other, each from
first row to last, ties in time decided; and "the next row after this one" is a binary search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from prelude_store.timeline.columns import Columns, Ints, gaps_of, starts_of

__all__ = [
    "MOST_ORDINALS",
    "MOST_STRETCHES",
    "MOST_USERS",
    "NEVER",
    "Hits",
    "Lives",
    "Runs",
    "Sequence",
    "inserted",
    "keys_of",
    "merged",
    "runs_of",
    "sequence_of",
    "stretches_of",
    "user_end",
    "users_of",
]

_ORDINAL_BITS: Final = 23
_STRETCH_BITS: Final = 16
_USER_BITS: Final = 24
_USER_SHIFT: Final = _ORDINAL_BITS + _STRETCH_BITS
_ORDINAL_MASK: Final = (1 << _ORDINAL_BITS) - 1

MOST_ORDINALS: Final = 1 << _ORDINAL_BITS
MOST_STRETCHES: Final = 1 << _STRETCH_BITS
MOST_USERS: Final = (1 << _USER_BITS) - 1
"""One less than there is room for: behind the rows of the last one, too, there is a key."""
NEVER: Final = np.iinfo(np.int64).max
"""As a key or a time: later than all others."""


def keys_of(users: Ints, stretch: int, ordinals: Ints) -> Ints:
    """Keys of rows of one stretch."""
    return (users.astype(np.int64) << _USER_SHIFT) | (stretch << _ORDINAL_BITS) | ordinals


def users_of(keys: Ints) -> Ints:
    """Users of rows."""
    return keys >> _USER_SHIFT


def stretches_of(keys: Ints) -> Ints:
    """Numbers of the stretches that rows are in."""
    return (keys >> _ORDINAL_BITS) & ((1 << _STRETCH_BITS) - 1)


def user_end(keys: Ints) -> Ints:
    """For each row, a key behind all rows of its user."""
    return (users_of(keys) + 1) << _USER_SHIFT


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows that are one step of a funnel, or one of its exclusions, in rising order of their keys.

    Attributes:
        times: microseconds since the epoch.
        groups: what the answer is broken down by, as a small number; empty where it is not.
    """

    keys: Ints
    times: Ints
    groups: Ints

    def __len__(self) -> int:
        return len(self.keys)


def merged(parts: list[Hits]) -> Hits:
    """All hits of `parts`, in order."""
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Hits(nothing, nothing, nothing)
    keys = np.concatenate([part.keys for part in parts])
    times = np.concatenate([part.times for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    if len(keys) > 1 and not bool(np.all(keys[1:] > keys[:-1])):
        order = np.argsort(keys, kind="stable")
        keys, times = keys[order], times[order]
        groups = groups[order] if len(groups) else groups
    return Hits(keys, times, groups)


def inserted(many: Hits, few: Hits) -> Hits:
    """All of both, in order; quicker than `merged` where one has the most by far."""
    if len(many) == 0 or len(few) == 0:
        return many if len(many) else few
    places = np.searchsorted(many.keys, few.keys)
    return Hits(
        np.insert(many.keys, places, few.keys),
        np.insert(many.times, places, few.times),
        np.insert(many.groups, places, few.groups) if len(many.groups) else many.groups,
    )


@dataclass(frozen=True, slots=True)
class Runs:
    """Who was active in a stretch: one entry a user, in rising order of users.

    Attributes:
        counts: rows of the user in the stretch.
        first_times: microseconds since the epoch.
        last_times: as above.
    """

    users: Ints
    counts: Ints
    first_times: Ints
    last_times: Ints


@dataclass(frozen=True, slots=True)
class Sequence:
    """What was done in a stretch: rows by user, and in the order of life.

    Attributes:
        actions: one a row.
        gaps: one a row: whole seconds since the row before of the same user, rounded up; `LONGEST_GAP` for the first of each.
    """

    runs: Runs
    actions: Ints
    gaps: Ints


def runs_of(rows: Columns) -> Runs:
    """Who was active in `rows`."""
    starts = starts_of(rows.users)
    counts = np.diff(np.append(starts, len(rows)))
    return Runs(rows.users[starts], counts, rows.times[starts], rows.times[starts + counts - 1])


def sequence_of(rows: Columns) -> Sequence:
    """What was done in `rows`."""
    return Sequence(runs_of(rows), rows.actions, gaps_of(rows.users, rows.times))


class Lives:
    """Which row of a user comes next at all.

    Args:
        stretches: who was active in each stretch, in the order of time.
    """

    def __init__(self, stretches: list[Runs]) -> None:
        stays = [(runs.users.astype(np.int64) << _STRETCH_BITS) | number for number, runs in enumerate(stretches)]
        counts = [runs.counts for runs in stretches]
        unsorted = np.concatenate([np.zeros(0, dtype=np.int64), *stays])
        order = np.argsort(unsorted, kind="stable")
        self._stays = unsorted[order]
        self._counts = np.concatenate([np.zeros(0, dtype=np.int64), *counts])[order]

    def after(self, keys: Ints) -> Ints:
        """The key of the row right after each of `keys`; `NEVER` for a user's last."""
        stays = keys >> _ORDINAL_BITS
        place = np.searchsorted(self._stays, stays)
        last = (keys & _ORDINAL_MASK) + 1 == self._counts[place]
        following = np.minimum(place + 1, len(self._stays) - 1)
        same_user = (place + 1 < len(self._stays)) & (self._stays[following] >> _STRETCH_BITS == stays >> _STRETCH_BITS)
        elsewhere = np.where(same_user, self._stays[following] << _ORDINAL_BITS, NEVER)
        return np.where(last, elsewhere, keys + 1)
