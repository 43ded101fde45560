"""What of a stretch can be counted alone: visits that neither come from another stretch nor go on in one.

A *fragment* is what lies of a visit in one stretch. Where the same fragments of an unchanged stretch are alone, its count stays true,
whatever comes in other stretches.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from prelude_analytics.answers.lives import Runs, Sequence
from prelude_store.timeline.columns import Ints

__all__ = ["Joints", "joints_of", "parted"]

_SECOND_US: Final = 1_000_000


class Joints(NamedTuple):
    """Of each user of a stretch: whether the first visit comes from an earlier one, and whether the last goes on in a later one."""

    back: Ints
    forth: Ints


def joints_of(stretches: list[Runs], gap_seconds: int) -> list[Joints]:
    """Where visits go over from one of `stretches`, which are in the order of time, to another.

    Args:
        gap_seconds: a longer time between two rows ends a visit.
    """
    nothing = np.zeros(0, dtype=np.int64)
    users = np.concatenate([nothing, *(runs.users for runs in stretches)])
    first = np.concatenate([nothing, *(runs.first_times for runs in stretches)])
    last = np.concatenate([nothing, *(runs.last_times for runs in stretches)])
    order = np.argsort(users, kind="stable")
    earlier, later = order[:-1], order[1:]
    joined = (users[earlier] == users[later]) & (first[later] - last[earlier] <= gap_seconds * _SECOND_US)
    back, forth = np.zeros((2, len(users)), dtype=bool)
    back[later[joined]] = True
    forth[earlier[joined]] = True
    ends = np.cumsum([len(runs.users) for runs in stretches])[:-1]
    return [Joints(*both) for both in zip(np.split(back, ends), np.split(forth, ends), strict=True)]


def parted(stretch: Sequence, joints: Joints, gap_seconds: int) -> tuple[Sequence, Sequence]:
    """The visits that are wholly in `stretch`, and the fragments of the others; with the users' first and last moments as they were."""
    runs = stretch.runs
    if len(runs.users) == 0:
        return stretch, stretch
    begins = np.flatnonzero(stretch.gaps > gap_seconds)
    ends = np.cumsum(runs.counts)
    starts = ends - runs.counts
    joined = np.zeros(len(begins), dtype=bool)
    joined[np.searchsorted(begins, starts[joints.back])] = True
    joined[np.searchsorted(begins, ends[joints.forth] - 1, side="right") - 1] = True
    rows = np.repeat(joined, np.diff(np.append(begins, len(stretch.gaps))))
    return _where(stretch, starts, ~rows), _where(stretch, starts, rows)


def _where(stretch: Sequence, starts: Ints, chosen: Ints) -> Sequence:
    runs = stretch.runs
    counts = np.add.reduceat(chosen, starts, dtype=np.int64)
    stay = counts > 0
    left = Runs(runs.users[stay], counts[stay], runs.first_times[stay], runs.last_times[stay])
    return Sequence(left, stretch.actions[chosen], stretch.gaps[chosen])
