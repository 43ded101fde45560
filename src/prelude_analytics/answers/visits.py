"""From where to where each visit of one user goes. The definition of a visit stands in `paths`."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np

from prelude_analytics.answers.lives import Sequence

__all__ = ["RowAt", "Visit", "visit_of", "visits_of"]

RowAt: TypeAlias = tuple[int, int]
"""A row: number of its stretch, and place within."""

_SECOND_US: Final = 1_000_000


class Visit(NamedTuple):
    """The first row of a visit, and the last one."""

    first: RowAt
    last: RowAt


def visits_of(user: int, stretches: list[Sequence], gap_seconds: int) -> list[Visit]:
    """The visits of `user`, in the order of time.

    Args:
        gap_seconds: a longer time between two rows ends a visit; less than 65,535.
    """
    visits: list[Visit] = []
    ended_us: int | None = None
    for number, stretch in enumerate(stretches):
        runs = stretch.runs
        run = int(np.searchsorted(runs.users, user))
        if run == len(runs.users) or runs.users[run] != user:
            continue
        start = int(runs.counts[:run].sum())
        end = start + int(runs.counts[run])
        begins = (start + np.flatnonzero(stretch.gaps[start:end] > gap_seconds)).tolist()
        parts = [
            Visit((number, one), (number, other - 1)) for one, other in zip(begins, [*begins[1:], end], strict=True)
        ]
        if ended_us is not None and int(runs.first_times[run]) - ended_us <= gap_seconds * _SECOND_US:
            parts[0] = Visit(visits.pop().first, parts[0].last)
        visits += parts
        ended_us = int(runs.last_times[run])
    return visits


def visit_of(row: RowAt, visits: list[Visit]) -> Visit:
    """The one of `visits` that `row` is in."""
    return next(visit for visit in visits if visit.first <= row <= visit.last)
