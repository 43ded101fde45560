"""Funnels: how many users went a way step by step. The definitions stand in docs/questions.md.

An *attempt* starts at a row and takes, for each further step, the earliest row that may be it. Taking the earliest is never worse: a
later one leaves less of the window, and no exclusion fewer behind it. A user's best attempt is the one with the most steps, and among
those the first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.answers.lives import NEVER, Hits, Lives, merged, user_end, users_of
from prelude_store.timeline.columns import Ints, starts_of

__all__ = ["Best", "Order", "Step", "best_attempts", "counted"]

Order = Literal["ordered", "strict", "any"]

_FIRST_PORTION: Final = 4
"""Starts of each user that are tried first."""
_GROWTH: Final = 8


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
    steps: list[Hits],
    exclusions: Hits,
    window_us: int,
    order: Order,
    lives: Lives | None = None,
    starts: Hits | None = None,
) -> Best:
    """The best attempt of each user.

    Args:
        steps: the rows of each step; two, or more.
        exclusions: rows that end the attempts that stand between two steps.
        window_us: the last step is at most so long after the first, in microseconds.
        lives: needed for the order ``strict``.
        starts: for ``any`` all `steps` as one, where it is known already.
    """
    if order == "strict" and lives is None:
        raise ValueError("strict order needs to know what comes next")
    if order != "any":
        starts = steps[0]
    elif starts is None:
        starts = merged(steps)

    def attempts(keys: Ints, moments: Ints) -> Ints:
        """Times of the steps of the attempts that start there."""
        if order == "any":
            return _in_any_order(steps, keys, moments, exclusions, window_us)
        if order == "strict" and lives is not None:
            return _strictly(steps, keys, moments, window_us, lives)
        return _ordered(steps, keys, moments, exclusions, window_us)

    return _best(starts, attempts, _within_reach(steps, starts, order))


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


def _ordered(steps: list[Hits], keys: Ints, moments: Ints, exclusions: Hits, window_us: int) -> Ints:
    times = _nothing_reached(steps, moments)
    alive = np.arange(len(keys))
    deadlines, limits = _deadlines(keys, exclusions), moments + window_us
    for number, step in enumerate(steps[1:], 1):
        if len(step) == 0 or len(alive) == 0:
            break
        place = np.searchsorted(step.keys, keys, side="right")
        np.minimum(place, len(step) - 1, out=place)
        found, there = step.keys[place], step.times[place]
        good = (found > keys) & (found < deadlines) & (there <= limits)
        alive = alive[good]
        times[number, alive] = there[good]
        keys, deadlines, limits = found[good], deadlines[good], limits[good]
    return times


def _strictly(steps: list[Hits], keys: Ints, moments: Ints, window_us: int, lives: Lives) -> Ints:
    times = _nothing_reached(steps, moments)
    alive = np.arange(len(keys))
    limits = moments + window_us
    for number, step in enumerate(steps[1:], 1):
        if len(step) == 0 or len(alive) == 0:
            break
        wanted = lives.after(keys)
        place = np.minimum(np.searchsorted(step.keys, wanted), len(step) - 1)
        there = step.times[place]
        good = (step.keys[place] == wanted) & (there <= limits)
        alive = alive[good]
        times[number, alive] = there[good]
        keys, limits = wanted[good], limits[good]
    return times


def _in_any_order(steps: list[Hits], keys: Ints, moments: Ints, exclusions: Hits, window_us: int) -> Ints:
    """An attempt's times are its start's and those of the other steps, in the order of time."""
    times = np.full((len(steps), len(keys)), NEVER, dtype=np.int64)
    deadlines, limits = _deadlines(keys, exclusions), moments + window_us
    for number, step in enumerate(steps):
        if len(step) == 0:
            continue
        # From the start on, itself included: for its own step that is the start.
        place = np.minimum(np.searchsorted(step.keys, keys), len(step) - 1)
        found, there = step.keys[place], step.times[place]
        good = (found >= keys) & (found < deadlines) & (there <= limits)
        times[number, good] = there[good]
    times.sort(axis=0)
    return times


def _nothing_reached(steps: list[Hits], moments: Ints) -> Ints:
    times = np.full((len(steps), len(moments)), NEVER, dtype=np.int64)
    times[0] = moments
    return times


def _within_reach(steps: list[Hits], starts: Hits, order: Order) -> Ints:
    """For each user who starts, in rising order, the most steps that any attempt could have: those that the user ever did."""
    everybody = users_of(starts.keys[starts_of(users_of(starts.keys))])
    did = np.array([np.isin(everybody, _users(step)) for step in steps]).reshape(len(steps), len(everybody))
    most: Ints = did.sum(axis=0) if order == "any" else np.logical_and.accumulate(did, axis=0).sum(axis=0)
    return most


def _users(step: Hits) -> Ints:
    users = users_of(step.keys)
    return users[starts_of(users)]


def _best(starts: Hits, attempts: Callable[[Ints, Ints], Ints], within_reach: Ints) -> Best:
    """The best attempt of each user: the most steps, and among those the first.

    A user's first starts are tried first, more in each round; whose best can't become better is not tried again.
    """
    users = users_of(starts.keys)
    begins = starts_of(users)
    people = len(begins)
    reached = np.zeros(people, dtype=np.int64)
    chosen = np.zeros(people, dtype=np.int64)
    ends = np.append(begins[1:], len(users))
    tried, portion = 0, _FIRST_PORTION
    while True:
        lows = begins + tried
        highs = np.minimum(lows + portion, ends)
        highs[reached >= within_reach] = 0
        places = _between(lows, highs)
        if len(places) == 0:
            break
        times = attempts(starts.keys[places], starts.times[places])
        steps = np.sum(times != NEVER, axis=0)
        groups = starts_of(users[places])
        # The most steps, and among those the first: one number says both.
        count = len(places)
        rank = np.maximum.reduceat(steps * count + np.arange(count - 1, -1, -1), groups)
        place, steps = count - 1 - rank % count, rank // count
        whose = np.searchsorted(begins, places[groups], side="right") - 1
        better = steps > reached[whose]
        reached[whose[better]] = steps[better]
        chosen[whose[better]] = places[place[better]]
        tried, portion = tried + portion, portion * _GROWTH
    times = attempts(starts.keys[chosen], starts.times[chosen])
    groups = starts.groups[chosen] if len(starts.groups) else starts.groups
    return Best(users[begins], reached, times, groups)


def _between(lows: Ints, highs: Ints) -> Ints:
    """All places from each of `lows` on and before its high one, in rising order."""
    counts = np.maximum(highs - lows, 0)
    firsts = np.cumsum(counts) - counts
    places: Ints = np.arange(int(counts.sum())) + np.repeat(lows - firsts, counts)
    return places
