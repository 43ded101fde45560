"""Paths, counted: how many did what at each step, and what next. Counts of several sets of paths add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from prelude_analytics.answers.paths import END, Link, Node, Paths, Steps, ranked
from prelude_store.timeline.columns import Ints

__all__ = ["Flows", "added", "flows_of", "levels"]

_ACTION_BITS: Final = 24
_ACTION_MASK: Final = (1 << _ACTION_BITS) - 1


@dataclass(frozen=True, slots=True)
class Flows:
    """How many paths did what after what.

    Attributes:
        visits: all that there were.
        paths: those in which one begins.
        depth: steps after the first.
        codes: step, action there and the one that followed in one number, in rising order.
        counts: paths, one for each of `codes`.
    """

    visits: int
    paths: int
    depth: int
    codes: Ints
    counts: Ints


def flows_of(paths: Paths) -> Flows:
    """The counts of `paths`."""
    depth = len(paths.actions) - 2
    codes = []
    for step in range(depth + 1):
        here, following = paths.actions[step], paths.actions[step + 1]
        there = here != END
        codes.append((step << 2 * _ACTION_BITS) | (here[there] << _ACTION_BITS) | (following[there] + 1))
    seen, counts = np.unique(np.concatenate(codes), return_counts=True)
    return Flows(paths.visits, paths.actions.shape[1], depth, seen, counts)


def added(parts: list[Flows]) -> Flows:
    """The counts of all `parts` together; one, or more, of the same depth."""
    codes, place = np.unique(np.concatenate([part.codes for part in parts]), return_inverse=True)
    counts = np.zeros(len(codes), dtype=np.int64)
    np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
    return Flows(sum(part.visits for part in parts), sum(part.paths for part in parts), parts[0].depth, codes, counts)


def levels(flows: Flows, top: int, names: Mapping[int, str]) -> Steps:
    """The `top` actions of each step by the number of paths (equal ones by name), the others together, and what joins them."""
    steps = flows.codes >> 2 * _ACTION_BITS
    nodes, links = [], []
    before: tuple[_Step, _Ranks] | None = None
    for number in range(flows.depth + 1):
        chosen = steps == number
        here = _Step(
            (flows.codes[chosen] >> _ACTION_BITS) & _ACTION_MASK,
            (flows.codes[chosen] & _ACTION_MASK) - 1,
            flows.counts[chosen],
        )
        ranks = _ranked(here, top, names)
        nodes.append(_nodes(here, ranks))
        if before is not None:
            links.append(_links(*before, ranks))
        before = here, ranks
    return Steps(nodes, links)


@dataclass(frozen=True, slots=True)
class _Step:
    """What was done at a step, what next (or `END`), and by how many paths."""

    actions: Ints
    following: Ints
    counts: Ints


@dataclass(frozen=True, slots=True)
class _Ranks:
    """The rank of each action; and the action of each rank, of which the last is all the others."""

    of: Ints
    chosen: list[int | None]


def _ranked(step: _Step, top: int, names: Mapping[int, str]) -> _Ranks:
    counts = np.zeros(int(step.actions.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(counts, step.actions, step.counts)
    return _Ranks(*ranked(counts, top, names))


def _nodes(step: _Step, ranks: _Ranks) -> list[Node]:
    counts, ended = np.zeros((2, len(ranks.chosen)), dtype=np.int64)
    codes, over = ranks.of[step.actions], step.following == END
    np.add.at(counts, codes, step.counts)
    np.add.at(ended, codes[over], step.counts[over])
    return [Node(action, int(counts[n]), int(ended[n])) for n, action in enumerate(ranks.chosen) if counts[n]]


def _links(step: _Step, from_: _Ranks, to: _Ranks) -> list[Link]:
    went = step.following != END
    width = len(to.chosen)
    counts = np.zeros(len(from_.chosen) * width, dtype=np.int64)
    np.add.at(counts, from_.of[step.actions[went]] * width + to.of[step.following[went]], step.counts[went])
    return [
        Link(from_.chosen[place // width], to.chosen[place % width], int(counts[place]))
        for place in np.flatnonzero(counts).tolist()
    ]
