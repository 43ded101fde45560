"""How a day of the timeline is laid out: rows by user, and within a user in the order of that user's life.

Pure functions between rows and arrays. A row's place among those of its user on that UTC day is its *ordinal*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DAY_US",
    "LONGEST_GAP",
    "PENDING",
    "STATUSES",
    "TIMEOUT",
    "Block",
    "Columns",
    "Ints",
    "blocks_of",
    "columns_of",
    "day_number",
    "day_of",
    "gaps_of",
    "laid_out",
    "narrow",
    "ordinals_of",
    "starts_of",
    "widened",
]

Ints = NDArray[Any]

STATUSES: Final = ("success", "error", "pending", "timeout")
"""A status is stored as its place in here."""
PENDING: Final = STATUSES.index("pending")
TIMEOUT: Final = STATUSES.index("timeout")

DAY_US: Final = 86_400_000_000
"""Microseconds of a UTC day."""
LONGEST_GAP: Final = 65_535
"""Seconds; the stored gap says no more than that it was this long, or longer."""

_EPOCH: Final = date(1970, 1, 1)
_SECOND_US: Final = 1_000_000


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The day that is `number` days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows by columns, sorted by user and then in the order of life; all arrays are of one length.

    Attributes:
        users: ids of ``timeline_users``.
        times: microseconds since the epoch.
        actions: ids of ``timeline_actions``.
        statuses: places in `STATUSES`, as written (a pending row stays pending here).
        services: ids of ``timeline_services``; 0 for none.
    """

    users: Ints
    times: Ints
    actions: Ints
    statuses: Ints
    services: Ints

    def __len__(self) -> int:
        return len(self.users)

    def where(self, chosen: Ints) -> Columns:
        """The rows that `chosen` names, by a mask or by their places."""
        return Columns(
            self.users[chosen], self.times[chosen], self.actions[chosen], self.statuses[chosen], self.services[chosen]
        )


def columns_of(rows: list[tuple[int, int, int, int, int]]) -> Columns:
    """Columns of (user, time, action, status, service), which are sorted already."""
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    return Columns(
        table[:, 0].astype(np.int32),
        np.ascontiguousarray(table[:, 1]),
        table[:, 2].astype(np.int32),
        table[:, 3].astype(np.uint8),
        table[:, 4].astype(np.int32),
    )


def starts_of(sorted_values: Ints) -> Ints:
    """Where each run of equal values begins."""
    if len(sorted_values) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.concatenate(([0], np.flatnonzero(sorted_values[1:] != sorted_values[:-1]) + 1))


def ordinals_of(users: Ints) -> Ints:
    """Place of each row among those of its user, from 0; `users` is sorted."""
    starts = starts_of(users)
    counts = np.diff(np.append(starts, len(users)))
    ordinals: Ints = (np.arange(len(users)) - np.repeat(starts, counts)).astype(np.int32)
    return ordinals


def gaps_of(users: Ints, times: Ints) -> Ints:
    """Seconds since the row before of the same user, rounded up; `LONGEST_GAP` for the first of each, and at most."""
    gaps = np.full(len(users), LONGEST_GAP, dtype=np.int64)
    if len(users) > 1:
        same = users[1:] == users[:-1]
        gaps[1:][same] = -((times[:-1] - times[1:])[same] // _SECOND_US)
    shown: Ints = np.minimum(gaps, LONGEST_GAP).astype("<u2")
    return shown


def narrow(codes: Ints) -> bytes:
    """Small numbers as uint16, or uint32 where one of them is not small; the length tells which."""
    wide = len(codes) > 0 and int(codes.max()) > np.iinfo(np.uint16).max
    return codes.astype("<u4" if wide else "<u2").tobytes()


def widened(stored: bytes, count: int) -> Ints:
    """What `narrow` made of `count` numbers."""
    return np.frombuffer(stored, dtype="<u4" if count and len(stored) == 4 * count else "<u2")


def laid_out(rows: Columns) -> dict[str, bytes]:
    """The columns of ``timeline_days``."""
    starts = starts_of(rows.users)
    counts = np.diff(np.append(starts, len(rows)))
    return {
        "users": rows.users[starts].tobytes(),
        "counts": counts.astype("<i4").tobytes(),
        "first_times": rows.times[starts].tobytes(),
        "last_times": rows.times[starts + counts - 1].tobytes(),
        "actions": narrow(rows.actions),
        "gaps": gaps_of(rows.users, rows.times).tobytes(),
        "times": rows.times.tobytes(),
        "statuses": rows.statuses.tobytes(),
        "services": narrow(rows.services),
    }


class Block(NamedTuple):
    """A row of ``activity_days``, without its day."""

    action_id: int
    row_count: int
    users: bytes
    ordinals: bytes
    times: bytes
    statuses: bytes
    services: bytes


def blocks_of(rows: Columns) -> list[Block]:
    """The rows of ``activity_days``, by action."""
    if len(rows) == 0:
        return []
    ordinals = ordinals_of(rows.users)
    by_action = np.argsort(rows.actions, kind="stable")
    begins = starts_of(rows.actions[by_action])
    return [
        Block(
            int(rows.actions[places[0]]),
            len(places),
            rows.users[places].tobytes(),
            ordinals[places].tobytes(),
            rows.times[places].tobytes(),
            rows.statuses[places].tobytes(),
            narrow(rows.services[places]),
        )
        for places in np.split(by_action, begins[1:])
    ]
