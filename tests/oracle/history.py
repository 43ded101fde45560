"""Histories: what a few users did, made up, with all that makes counting hard; and what of it counts."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the log, as far as these questions see it; `at` in microseconds since 1970."""

    user: str | None
    at: int
    lane: int
    seq: int
    event_id: str
    action: str
    status: str
    service: str | None
    completes: str | None = None


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def counted(rows: list[Row], cut: int) -> list[Row]:
    """What counts, as it reads: no pending row that another one ended; pending from before `cut` is timeout."""
    ended = {row.completes for row in rows if row.completes is not None and row.completes != row.event_id}
    found = []
    for row in rows:
        if row.status == "pending" and row.event_id in ended:
            continue
        if row.status == "pending" and row.at < cut:
            found.append(replace(row, status="timeout"))
        else:
            found.append(row)
    return found


def life(rows: list[Row], user: str) -> list[Row]:
    """The rows of `user` in the order of life: time, then lane, then place in the lane, then id."""
    mine = [row for row in rows if row.user == user]
    return sorted(mine, key=lambda row: (row.at, row.lane, row.seq, UUID(row.event_id).bytes))


def users(rows: list[Row]) -> list[str]:
    return sorted({row.user for row in rows if row.user})


def within(rows: list[Row], since: int, until: int) -> list[Row]:
    return [row for row in rows if since <= row.at < until]


def make_history(
    chance: random.Random, since: int, *, days: int = 4, people: int = 3, actions: str = "abc", most: int = 30
) -> list[Row]:
    """A history of `days` from `since`: few users, few actions, many rows at the same moment, pending pairs, rows of nobody.

    Times fall on few places: quarters of an hour around midnights, and single microseconds beside each other.
    """
    places: dict[int, int] = {}
    grid = chance.choice([HOUR // 4, HOUR, 6 * HOUR])
    rows: list[Row] = []
    for _ in range(chance.randrange(most + 1)):
        at = (
            since + chance.randrange(days * DAY // grid) * grid + chance.choice([0, 0, 0, 1, -1, 1_000_000, 59_000_000])
        )
        lane = chance.choice([1, 1, 2, 3])
        places[lane] = places.get(lane, 0) + 1
        ended = chance.choice(rows) if rows and chance.random() < 0.25 else None
        completes = ended.event_id if ended and ended.status == "pending" else None
        rows.append(
            Row(
                user=chance.choice([*(f"user{n}@company.com" for n in range(people)), None]),
                at=at,
                lane=lane,
                seq=places[lane],
                event_id=str(UUID(int=chance.getrandbits(128))),
                action=chance.choice(actions),
                status=chance.choice(["success", "success", "error", "pending", "timeout"]),
                service=chance.choice(["crm", "crm", "mail", None]),
                completes=completes,
            )
        )
    if rows and chance.random() < 0.1:  # one that says that it ends itself
        odd = chance.randrange(len(rows))
        rows[odd] = replace(rows[odd], completes=rows[odd].event_id)
    return rows
