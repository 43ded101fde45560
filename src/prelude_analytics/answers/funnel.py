"""Funnels: how many users went a way step by step. The definitions stand in docs/questions.md.

An *attempt* starts at a row and takes, for each further step, the earliest row that may be it. Taking the earliest is never worse: a
later one leaves less of the window, and no exclusion fewer behind it. A user's best attempt is the one with the most steps, and among
those the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.answers.lives import NEVER, Hits, Lives, merged, user_end, users_of
from prelude_store.timeline.columns import Ints, starts_of

__all__ = ["Best", "Order", "Step", "best_attempts", "counted"]

Order = Literal["ordered", "strict", "any"]


@dataclass(frozen=True, slots=True)
class Best:
    """The best attempt of each user who made one, in rising order of users.

    Attributes:
        reached: steps, 1 or more.
        times: one row a step, in microseconds; `NEVER` where it was not reached.
        groups: of the row at which the attempt started; empty where the answer is not broken down.
    """

    users: Ints
    reached: Ints
    times: Ints
    groups: Ints


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the answer.

    Attributes:
        users: who reached it.
        median_us: microseconds since the step before, the median of those who reached it; None for the first, and where nobody did.
    """

    users: int
    median_us: float | None


def best_attempts(
    steps: list[Hits], exclusions: Hits, window_us: int, order: Order, lives: Lives | None = None
) -> Best:
    """The best attempt of each user.

    Args:
        steps: the rows of each step; two, or more.
        exclusions: rows that end the attempts that stand between two steps.
        window_us: the last step is at most so long after the first, in microseconds.
        lives: needed for the order ``strict``.
    """
    if order == "any":
        starts, times = _in_any_order(steps, exclusions, window_us)
    else:
        starts = steps[0]
        if order == "strict":
            if lives is None:
                raise ValueError("strict order needs to know what comes next")
            times = _strictly(steps, window_us, lives)
        else:
            times = _ordered(steps, exclusions, window_us)
    return _best(starts, times)


def counted(best: Best, steps: int, chosen: NDArray[np.bool_] | None = None) -> list[Step]:
    """How many users reached each step, and how long it took them; of those attempts that `chosen` lets pass."""
    reached = best.reached if chosen is None else best.reached[chosen]
    times = best.times if chosen is None else best.times[:, chosen]
    answer = [Step(len(reached), None)]
    for number in range(1, steps):
        there = reached > number
        took = times[number][there] - times[number - 1][there]
        answer.append(Step(len(took), float(np.median(took)) if len(took) else None))
    return answer


def _deadlines(keys: Ints, exclusions: Hits) -> Ints:
    """For each start, the key before which its attempt must be through: of the next exclusion, or the user's end."""
    ends = user_end(keys)
    if len(exclusions):
        place = np.searchsorted(exclusions.keys, keys, side="right")
        found = place < len(exclusions)
        ends[found] = np.minimum(ends[found], exclusions.keys[place[found]])
    return ends


def _ordered(steps: list[Hits], exclusions: Hits, window_us: int) -> Ints:
    first = steps[0]
    times = np.full((len(steps), len(first)), NEVER, dtype=np.int64)
    times[0] = first.times
    alive = np.arange(len(first))
    keys, deadlines, limits = first.keys, _deadlines(first.keys, exclusions), first.times + window_us
    for number, step in enumerate(steps[1:], 1):
        if len(step) == 0 or len(alive) == 0:
            break
        place = np.searchsorted(step.keys, keys, side="right")
        np.minimum(place, len(step) - 1, out=place)
        found, moments = step.keys[place], step.times[place]
        good = (found > keys) & (found < deadlines) & (moments <= limits)
        alive = alive[good]
        times[number, alive] = moments[good]
        keys, deadlines, limits = found[good], deadlines[good], limits[good]
    return times


def _strictly(steps: list[Hits], window_us: int, lives: Lives) -> Ints:
    first = steps[0]
    times = np.full((len(steps), len(first)), NEVER, dtype=np.int64)
    times[0] = first.times
    alive = np.arange(len(first))
    keys, limits = first.keys, first.times + window_us
    for number, step in enumerate(steps[1:], 1):
        if len(step) == 0 or len(alive) == 0:
            break
        wanted = lives.after(keys)
        place = np.minimum(np.searchsorted(step.keys, wanted), len(step) - 1)
        moments = step.times[place]
        good = (step.keys[place] == wanted) & (moments <= limits)
        alive = alive[good]
        times[number, alive] = moments[good]
        keys, limits = wanted[good], limits[good]
    return times


def _in_any_order(steps: list[Hits], exclusions: Hits, window_us: int) -> tuple[Hits, Ints]:
    """Starts are the rows of every step; a start's times are its own and the others', in the order of time."""
    starts = merged(steps)
    times = np.full((len(steps), len(starts)), NEVER, dtype=np.int64)
    deadlines, limits = _deadlines(starts.keys, exclusions), starts.times + window_us
    for number, step in enumerate(steps):
        if len(step) == 0:
            continue
        # From the start on, itself included: for its own step that is the start.
        place = np.minimum(np.searchsorted(step.keys, starts.keys), len(step) - 1)
        found, moments = step.keys[place], step.times[place]
        good = (found >= starts.keys) & (found < deadlines) & (moments <= limits)
        times[number, good] = moments[good]
    times.sort(axis=0)
    return starts, times


def _best(starts: Hits, times: Ints) -> Best:
    reached = np.sum(times != NEVER, axis=0)
    begins = starts_of(users_of(starts.keys))
    if len(begins) == 0:
        return Best(begins, begins, times, starts.groups)
    count = len(starts)
    # The most steps, and among those the first: one number says both.
    rank = reached * count + np.arange(count - 1, -1, -1)
    chosen = count - 1 - np.maximum.reduceat(rank, begins) % count
    return Best(
        users_of(starts.keys[chosen]),
        reached[chosen],
        times[:, chosen],
        starts.groups[chosen] if len(starts.groups) else starts.groups,
    )
