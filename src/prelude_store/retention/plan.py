"""What would go, before it goes: counted exactly, week by week."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.governance.holds import held
from prelude_store.retention.due import UNCOUNTED, Due, due
from prelude_store.retention.policies import policies
from prelude_store.retention.policy import ROWS, WHATS
from prelude_store.retention.weeks import Week, weeks

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prelude_store.connection import Connection
    from prelude_store.retention.policy import Policy

__all__ = ["Plan", "WeekPlan", "look", "plan", "what_is_due"]

_GROUPS: Final = """
SELECT rows_policy, person_policy, device_policy, content_policy, held, uncounted, count(*)
FROM (
    SELECT rows_policy, person_policy, device_policy, content_policy,
        CASE WHEN coalesce(rows_policy, person_policy, device_policy, content_policy) IS NOT NULL THEN {holds} END AS held,
        coalesce(rows_policy, person_policy, device_policy, content_policy) IS NOT NULL AND {uncounted} AS uncounted
    FROM public.user_activity_logs AS log LEFT JOIN public.rollup_cursors AS passed USING (lane)
    CROSS JOIN LATERAL (SELECT {columns}) AS judged
    WHERE log."timestamp" >= %(starts)s AND log."timestamp" < %(ends)s
) AS rows GROUP BY 1, 2, 3, 4, 5, 6
"""


class _Group(NamedTuple):
    """Rows of one week that are judged alike."""

    policies: dict[str, int | None]
    held: tuple[int, ...]
    uncounted: bool
    number: int

    @property
    def due(self) -> bool:
        return any(policy is not None for policy in self.policies.values())


@dataclass(slots=True)
class WeekPlan:
    """What of a week would go.

    Attributes:
        rows: that it holds.
        drop: the partition goes as a whole.
        going: how many rows go, or are to lose columns, by policy and what.
        held: how many of the due rows stay, by hold.
        waiting: due rows that stay until rollups have counted them.
    """

    week: Week
    rows: int = 0
    drop: bool = False
    going: Counter[tuple[int, str]] = field(default_factory=Counter)
    held: Counter[int] = field(default_factory=Counter)
    waiting: int = 0


@dataclass(slots=True)
class Plan:
    """What would go.

    Attributes:
        now: by the database's clock.
        cutoffs: by id of the policy: what is from before is due; None: nothing is.
        weeks: those of which something is due, the oldest first.
    """

    now: datetime
    policies: list[Policy]
    cutoffs: dict[int, datetime | None] = field(default_factory=dict)
    weeks: list[WeekPlan] = field(default_factory=list)


def what_is_due(connection: Connection, now: datetime | None = None) -> tuple[datetime, list[Policy], Due | None]:
    """The moment that is judged by, the policies, and what is due by them.

    Args:
        connection: of a member of ``prelude_governor``.
        now: None: the database's clock.
    """
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None  # noqa: S101 (SELECT of a constant)
    moment: datetime = now or row[0]
    known = policies(connection)
    return moment, known, due(known, moment, held(connection))


def plan(
    connection: Connection, now: datetime | None = None, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Plan:
    """Count what would go; changes nothing. A week at a time, so no snapshot grows old.

    Args:
        connection: of a member of ``prelude_governor``, in autocommit mode.
        now: as if it were then; None: the database's clock.
        progress: told weeks done, and weeks in all.
    """
    moment, known, is_due = what_is_due(connection, now)
    if is_due is None:
        return Plan(moment, known, {policy.id: None for policy in known})
    found = Plan(moment, known, is_due.cutoffs)
    among = weeks(connection, is_due.latest)
    for done, week in enumerate(among, 1):
        looked = look(connection, is_due, week)
        if looked.drop or looked.going or looked.held or looked.waiting:
            found.weeks.append(looked)
        progress(done, len(among))
    return found


def look(connection: Connection, is_due: Due, week: Week) -> WeekPlan:
    """What of one week would go."""
    statement = _GROUPS.format(holds=is_due.holds, columns=is_due.columns, uncounted=UNCOUNTED)
    bounds = {"starts": week.starts, "ends": week.ends}
    groups = [
        _Group(dict(zip(WHATS, row[:4], strict=True)), tuple(row[4] or ()), row[5], row[6])
        for row in connection.execute(statement.encode(), is_due.parameters | bounds)
    ]
    found = WeekPlan(week, sum(group.number for group in groups))
    for group in groups:
        if not group.due:
            continue
        for hold in group.held:
            found.held[hold] += group.number
        if group.held:
            continue
        if group.uncounted:
            found.waiting += group.number
            continue
        for what, policy in group.policies.items():
            if policy is not None:
                found.going[policy, what] += group.number
    everything = all(group.policies[ROWS] is not None and not group.held and not group.uncounted for group in groups)
    found.drop = everything and is_due.latest_rows is not None and week.ends <= is_due.latest_rows
    return found
