"""Paths: what follows what. The definitions stand in docs/questions.md.

A *visit* is rows of one user of which none is longer than the gap after the one before. Rows stand stretch by stretch, so a visit may
go on in the user's next stretch: such places are linked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.answers.lives import Sequence
from prelude_store.timeline.columns import Ints

__all__ = [
    "ANY",
    "END",
    "OTHERS",
    "Link",
    "Located",
    "Node",
    "Paths",
    "Steps",
    "follow",
    "located",
    "ranked",
    "through",
]

END = -1
"""In place of an action: the path was over."""
OTHERS = -2
"""In place of an action: one of those that are not shown one by one."""
ANY = -3
"""In place of an action: whichever it was."""

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Paths:
    """What was done, path by path.

    Attributes:
        visits: all that there were.
        actions: one row a step, one column a path; `END` behind its end. The last row only tells whether a path went on.
        places: which rows those are, counted over all stretches; likewise `END`. Empty unless they were asked for.
    """

    visits: int
    actions: Ints
    places: Ints


@dataclass(frozen=True, slots=True)
class Node:
    """An action at one step of the paths; None: all the others.

    Attributes:
        count: paths that came by here.
        ended: those of them that went no further.
    """

    action: int | None
    count: int
    ended: int


@dataclass(frozen=True, slots=True)
class Link:
    """Paths that went from `source` at one step to `target` at the next; None: the others."""

    source: int | None
    target: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Steps:
    """The answer: nodes step by step, and what joins each step to the next."""

    nodes: list[list[Node]]
    links: list[list[Link]]


@dataclass(frozen=True, slots=True)
class Located:
    """Where rows are.

    Attributes:
        users: whose.
        stretches: number of the stretch of each.
        offsets: place within the stretch.
        ordinals: place among the rows of the user in that stretch.
    """

    users: Ints
    stretches: Ints
    offsets: Ints
    ordinals: Ints


def follow(
    stretches: list[Sequence],
    gap_seconds: int,
    depth: int,
    start: int | None,
    *,
    backwards: bool = False,
    traced: bool = False,
) -> Paths:
    """The paths of `depth` steps after the first.

    Args:
        gap_seconds: a longer time between two rows ends a visit; less than 65,535.
        start: a path begins with the first such action of a visit; None: with the visit.
        backwards: from there back to where the visit began; with `start` None from its last row.
        traced: which rows they are is wanted, too.
    """
    rows = _Rows(stretches, gap_seconds)
    if start is not None:
        begins = rows.first_of_visits(np.flatnonzero(rows.actions == start))
    else:
        begins = rows.ends() if backwards else rows.visits
    step = rows.before if backwards else rows.after
    actions = np.full((depth + 2, len(begins)), END, dtype=np.int64)
    places = np.full_like(actions if traced else actions[:0], END)
    alive, at = np.arange(len(begins)), begins
    for number, here in enumerate(actions):
        here[alive] = rows.actions[at]
        if traced:
            places[number, alive] = at
        at = step(at)
        goes_on = at >= 0
        alive, at = alive[goes_on], at[goes_on]
    return Paths(len(rows.visits), actions, places)


def through(
    paths: Paths, top: int, names: Mapping[int, str], step: int, action: int, following: int | None = None
) -> Ints:
    """Which paths are behind a node of `levels`, or behind a link.

    Args:
        step: of the node, from 0.
        action: of the node, or `OTHERS`, or `ANY`: all paths that came so far.
        following: of the node at the next step, or `OTHERS`, or `END` for those that went no further; None: wherever they went.
    """
    chosen = _at(paths.actions[step], top, names, action)
    if following is not None:
        chosen &= _at(paths.actions[step + 1], top, names, following)
    return np.flatnonzero(chosen)


def _at(actions: Ints, top: int, names: Mapping[int, str], wanted: int) -> NDArray[np.bool_]:
    if wanted == ANY:
        return actions != END  # type: ignore[no-any-return]
    if wanted != OTHERS:
        return actions == wanted  # type: ignore[no-any-return]
    ranks, chosen = ranked(np.bincount(actions[actions >= 0]), top, names)
    return ranks[actions] == len(chosen) - 1  # type: ignore[no-any-return]


def located(stretches: list[Sequence], places: Ints) -> Located:
    """Where the rows at `places`, counted over all `stretches`, are."""
    nothing = np.zeros(0, dtype=np.int64)
    runs = [part.runs for part in stretches]
    lengths = [len(part.actions) for part in stretches]
    begins = np.cumsum([0, *lengths])
    counts = np.concatenate([nothing, *(run.counts for run in runs)])
    starts = np.cumsum(counts) - counts
    users = np.concatenate([nothing, *(run.users for run in runs)])
    run = np.searchsorted(starts, places, side="right") - 1
    stretch = np.searchsorted(begins, places, side="right") - 1
    # A stretch without rows begins where the next one does: the last of those has the row.
    return Located(users[run], stretch, places - begins[stretch], places - starts[run])


def ranked(counts: Ints, top: int, names: Mapping[int, str]) -> tuple[Ints, list[int | None]]:
    """The rank of each action by how many paths have it, equal ones by name; and the action of each rank, of which the last is all the others.

    Args:
        counts: of paths, by action.
        top: how many actions have a rank of their own.
    """
    seen = np.flatnonzero(counts).tolist()
    chosen = sorted(seen, key=lambda action: (-int(counts[action]), names[action]))[:top]
    ranks = np.full(len(counts) + 1, len(chosen), dtype=np.int64)
    ranks[chosen] = np.arange(len(chosen))
    ranks[-1] = END  # where END, which is -1, leads
    return ranks, [*chosen, None]


class _Rows:
    """All rows, one stretch after the other."""

    def __init__(self, stretches: list[Sequence], gap_seconds: int) -> None:
        nothing = np.zeros(0, dtype=np.int64)
        self.actions = np.concatenate([nothing[:0].astype("u1"), *(part.actions for part in stretches)])
        gaps = np.concatenate([nothing.astype("<u2"), *(part.gaps for part in stretches)])
        self._begins = np.append(gaps > gap_seconds, True)
        runs = [part.runs for part in stretches]
        counts = np.concatenate([nothing, *(run.counts for run in runs)])
        ends = np.cumsum(counts)
        starts = ends - counts
        users = np.concatenate([nothing, *(run.users for run in runs)])
        first = np.concatenate([nothing, *(run.first_times for run in runs)])
        last = np.concatenate([nothing, *(run.last_times for run in runs)])
        # Stable, so that the stretches of a user stay in the order of time.
        order = np.argsort(users, kind="stable")
        earlier, later = order[:-1], order[1:]
        linked = (users[earlier] == users[later]) & (first[later] - last[earlier] <= gap_seconds * _SECOND_US)
        by_place = np.argsort(ends[earlier[linked]])
        self._link_from = (ends[earlier[linked]] - 1)[by_place]
        self._link_to = starts[later[linked]][by_place]
        self._parts = np.flatnonzero(self._begins[:-1])
        goes_on = np.zeros(len(self._parts), dtype=bool)
        goes_on[np.searchsorted(self._parts, self._link_to)] = True
        self.visits = self._parts[~goes_on]

    def ends(self) -> Ints:
        """The last row of each visit."""
        if len(self._parts) == 0:
            return self._parts
        last_of_parts = np.append(self._parts[1:], len(self.actions)) - 1
        ends: Ints = last_of_parts[~np.isin(last_of_parts, self._link_from)]
        return ends

    def after(self, places: Ints) -> Ints:
        """The row that follows each of `places` in its visit; -1 where it ends."""
        following = places + 1
        over = np.flatnonzero(self._begins[following])
        following[over] = -1
        if len(self._link_from):
            last = places[over]
            link = np.minimum(np.searchsorted(self._link_from, last), len(self._link_from) - 1)
            linked = self._link_from[link] == last
            following[over[linked]] = self._link_to[link[linked]]
        return following

    def before(self, places: Ints) -> Ints:
        """The row that each of `places` follows in its visit; -1 where it begins."""
        previous = places - 1
        first = np.flatnonzero(self._begins[places])
        previous[first] = -1
        if len(self._link_to):
            order = np.argsort(self._link_to)
            targets, sources = self._link_to[order], self._link_from[order]
            link = np.minimum(np.searchsorted(targets, places[first]), len(targets) - 1)
            linked = targets[link] == places[first]
            previous[first[linked]] = sources[link[linked]]
        return previous

    def first_of_visits(self, places: Ints) -> Ints:
        """Of `places`, in rising order, the first of each visit."""
        roots = np.arange(len(self._parts))
        roots[np.searchsorted(self._parts, self._link_to)] = self._part(self._link_from)
        while True:
            further = roots[roots]
            if np.array_equal(further, roots):
                break
            roots = further
        _, chosen = np.unique(roots[self._part(places)], return_index=True)
        return np.sort(places[chosen])

    def _part(self, places: Ints) -> Ints:
        """The part of a visit, within one stretch, that each row is in."""
        return np.searchsorted(self._parts, places, side="right") - 1
