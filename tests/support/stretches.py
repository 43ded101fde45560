"""A history as the timeline would hold it: columns, stretch by stretch."""

from __future__ import annotations

import numpy as np

from prelude_analytics.answers.lives import Hits, keys_of, merged
from prelude_store.timeline.columns import DAY_US, STATUSES, Columns, columns_of, ordinals_of
from tests.oracle.funnel import Match
from tests.oracle.history import Row, life, users

SERVICES = {None: 0, "crm": 1, "mail": 2}


def columns(rows: list[Row], cuts: list[int], people: list[str]) -> list[Columns]:
    """Rows that count, by columns, in stretches that `cuts` part; users are numbered as `people` has them."""
    ordered = [row for user in users(rows) for row in life(rows, user)]
    parts: list[list[tuple[int, int, int, int, int]]] = [[] for _ in range(len(cuts) + 1)]
    for row in sorted(ordered, key=lambda row: people.index(row.user or "")):
        stretch = sum(cut <= row.at for cut in cuts)
        values = (
            people.index(row.user or ""),
            row.at,
            ord(row.action),
            STATUSES.index(row.status),
            SERVICES[row.service],
        )
        parts[stretch].append(values)
    return [columns_of(part) for part in parts]


def days(since: int, until: int) -> list[int]:
    """Where UTC days begin between the two."""
    return list(range(-(-since // DAY_US) * DAY_US, until, DAY_US))


def hits(stretches: list[Columns], match: Match) -> Hits:
    """The rows that are what `match` says, as the timeline would give them; grouped by service."""
    parts = []
    for number, part in enumerate(stretches):
        mask = np.isin(part.actions, [ord(action) for action in match.actions])
        if match.status is not None:
            mask &= part.statuses == STATUSES.index(match.status)
        chosen = part.where(mask)
        parts.append(Hits(keys_of(chosen.users, number, ordinals_of(part.users)[mask]), chosen.times, chosen.services))
    return merged(parts)
