"""Best attempts of funnels when rows come after those that were counted: what was found stays, and little is looked at again.

A row that comes later changes no step that an attempt has found: it is the earliest. It can only add steps, to attempts that start no
longer than the window before it. So those alone are tried again, of the users who have new rows and are not through yet.
"""

from __future__ import annotations

import numpy as np

from prelude_analytics.answers.funnel import Best, Order, best_attempts
from prelude_analytics.answers.lives import Hits, Lives, merged, users_of
from prelude_store.timeline.columns import Ints

__all__ = ["extended"]


def extended(
    best: Best,
    known: list[list[Hits]],
    new: list[Hits],
    window_us: int,
    order: Order,
    lives: Lives | None = None,
) -> Best:
    """The best attempts among rows that were `known` and `new` ones, each of which comes later in its user's life.

    Args:
        best: the best attempts among those that were known.
        known: for each step its rows, in as many pieces as there are; last, the rows of the exclusions.
        new: as `known`.
        lives: of all rows; needed for the order ``strict``.
    """
    steps = len(new) - 1
    came = [step for step in new[:-1] if len(step)]
    if not came:  # an exclusion, or another activity, ends no attempt that had ended before it
        return best
    touched = np.unique(np.concatenate([users_of(step.keys) for step in came]))
    touched = touched[~np.isin(touched, best.users[best.reached == steps])]
    if len(touched) == 0:
        return best
    since = min(int(step.times.min()) for step in came) - window_us
    rows = [
        merged([_of(piece, since, touched) for piece in (*pieces, later)])
        for pieces, later in zip(known, new, strict=True)
    ]
    return _better(best, best_attempts(rows[:-1], rows[-1], window_us, order, lives), since)


def _of(hits: Hits, since: int, users: Ints) -> Hits:
    """Those of some users, from a moment on."""
    late = np.flatnonzero(hits.times >= since)
    chosen = late[np.isin(users_of(hits.keys[late]), users)]
    return Hits(hits.keys[chosen], hits.times[chosen], hits.groups[chosen] if len(hits.groups) else hits.groups)


def _better(before: Best, again: Best, since: int) -> Best:
    """Of each user the attempt with the most steps, and among those the first; all that start at `since` or later are in `again`."""
    users = np.union1d(before.users, again.users)
    reached = np.zeros(len(users), dtype=np.int64)
    times = np.zeros((len(before.times), len(users)), dtype=np.int64)
    grouped = len(before.groups) + len(again.groups) > 0
    groups = np.zeros(len(users) if grouped else 0, dtype=np.int64)
    there, new = np.searchsorted(users, before.users), np.searchsorted(users, again.users)
    begins = np.full(len(users), since)  # of whom there was no attempt, the new one is taken
    begins[there] = before.times[0]
    _enter(reached, times, groups, there, before)
    taken = (begins[new] >= since) | (again.reached > reached[new])
    chosen = Best(
        again.users[taken],
        again.reached[taken],
        again.times[:, taken],
        again.groups[taken] if len(again.groups) else again.groups,
    )
    _enter(reached, times, groups, new[taken], chosen)
    return Best(users, reached, times, groups)


def _enter(reached: Ints, times: Ints, groups: Ints, places: Ints, best: Best) -> None:
    reached[places] = best.reached
    times[:, places] = best.times
    if len(best.groups):
        groups[places] = best.groups
