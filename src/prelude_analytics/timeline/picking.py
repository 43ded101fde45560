"""The rows that a step of a funnel is, out of rows of the timeline: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from prelude_analytics.answers.lives import Hits, keys_of, merged
from prelude_analytics.timeline.rows import Rows, columns_of_block, effective, groups_of
from prelude_store.timeline.columns import STATUSES, Columns, ordinals_of

__all__ = ["Action", "Wanted", "passing", "picked", "picked_of_blocks"]

Action: TypeAlias = tuple[str, str]
"""Type and name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows that count as one thing: a step, or an exclusion.

    Attributes:
        actions: any of these.
        result_status: as it reads; None: any.
    """

    actions: tuple[Action, ...]
    result_status: str | None = None


def passing(
    rows: Columns, given: Mapping[str, str], actions: Mapping[int, Action], services: Mapping[int, str]
) -> NDArray[np.bool_]:
    """Which of `rows`, as they read, the filters `given` let pass."""
    good = np.ones(len(rows), dtype=bool)
    if "action_type" in given or "action_name" in given:
        ids = [
            number
            for number, (kind, name) in actions.items()
            if given.get("action_type", kind) == kind and given.get("action_name", name) == name
        ]
        good &= np.isin(rows.actions, ids)
    if "result_status" in given:
        good &= rows.statuses == STATUSES.index(given["result_status"])
    if "service_name" in given:
        ids = [number for number, name in services.items() if name == given["service_name"]]
        good &= np.isin(rows.services, ids)
    return good


def picked(
    wanted: list[Wanted], rows: Mapping[int, Rows], actions: Mapping[int, Action], group: str | None
) -> list[Hits]:
    """What in each stretch of `rows` is each of `wanted`."""
    parts: list[list[Hits]] = [[] for _ in wanted]
    for stretch, some in rows.items():
        ordinals = ordinals_of(some.columns.users)
        for place, one in enumerate(wanted):
            ids = [number for number, action in actions.items() if action in one.actions]
            mask = np.isin(some.columns.actions, ids)
            if one.result_status is not None:
                mask &= some.columns.statuses == STATUSES.index(one.result_status)
            chosen = some.where(mask)
            keys = keys_of(chosen.columns.users, stretch, ordinals[mask])
            parts[place].append(Hits(keys, chosen.columns.times, groups_of(chosen, group)))
    return [merged(some) for some in parts]


def picked_of_blocks(
    wanted: list[Wanted],
    blocks: list[tuple[int, dict[str, Any]]],
    actions: Mapping[int, Action],
    group: str | None,
    cut_us: int,
    passes: Callable[[Columns], NDArray[np.bool_]] | None,
) -> list[Hits]:
    """What in `blocks`, each with its stretch, is each of `wanted`.

    Args:
        passes: which rows, as they read, the filters let pass; None: all.
    """
    parts: list[list[Hits]] = [[] for _ in wanted]
    for stretch, block in blocks:
        rows, ordinals = columns_of_block(block)
        if "statuses" in block:
            rows = effective(rows, cut_us)
        if passes is not None:
            mask = passes(rows)
            rows, ordinals = rows.where(mask), ordinals[mask]
        groups = groups_of(Rows(rows, np.zeros(0, dtype=np.int64)), group)
        hits = Hits(keys_of(rows.users, stretch, ordinals), rows.times, groups)
        for place, one in enumerate(wanted):
            if actions[block["action_id"]] not in one.actions:
                continue
            if one.result_status is None:
                parts[place].append(hits)
                continue
            mask = rows.statuses == STATUSES.index(one.result_status)
            parts[place].append(
                Hits(hits.keys[mask], hits.times[mask], hits.groups[mask] if len(hits.groups) else hits.groups)
            )
    return [merged(some) for some in parts]
