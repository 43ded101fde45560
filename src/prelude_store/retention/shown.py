"""Policies, plans and outcomes as text and as what JSON can hold. Pure functions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from prelude_store.retention.keeping import FOREVER
from prelude_store.retention.policy import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from prelude_store.governance.holds import Hold
    from prelude_store.retention.plan import Plan, WeekPlan
    from prelude_store.retention.policy import Policy
    from prelude_store.retention.run import Outcome

__all__ = ["outcome_lines", "plan_json", "plan_lines", "policy_json", "policy_line", "staying_line"]


def policy_json(policy: Policy, now: datetime) -> dict[str, Any]:
    """A policy, and what is due by it."""
    scope = policy.scope
    return {
        "id": policy.id, "type": scope.action_type, "name": scope.action_name, "what": scope.what, "keep": policy.keep,
        "by": "week" if policy.by_week else "day", "due_before": policy.cutoff(now),
    }  # fmt: skip


def policy_line(policy: Policy, now: datetime) -> str:
    """A policy in a line."""
    scope, until = policy.scope, policy.cutoff(now)
    whose = ".".join(part for part in (scope.action_type, scope.action_name) if part) or "all"
    due = "stay" if until is None else f"go from before {until:%Y-%m-%d}" + (", week by week" if policy.by_week else "")
    return f"{policy.id:>4}  {scope.what:<8} {whose:<40} {policy.keep:>8}  {due}"


def staying_line(holds: Sequence[Hold]) -> str:
    """What keeps rows in spite of policies; empty where nothing does."""
    if not holds:
        return ""
    named = ", ".join(f"{hold.id} ({hold.reason})" for hold in holds)
    return f"What is held stays all the same: hold {named}. prelude store retain plan says how much that is."


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan, for a machine."""
    weeks = [
        {
            "partition": week.week.name, "from": week.week.starts, "to": week.week.ends, "rows": week.rows, "drop": week.drop,
            "going": [{"policy": policy, "what": what, "rows": rows} for (policy, what), rows in sorted(week.going.items())],
            "held": [{"hold": hold, "rows": rows} for hold, rows in sorted(week.held.items())],
            "waiting": week.waiting,
        }
        for week in plan.weeks
    ]  # fmt: skip
    return {"at": plan.now, "policies": [policy_json(policy, plan.now) for policy in plan.policies], "weeks": weeks}


def plan_lines(plan: Plan) -> Iterator[str]:
    """A plan, for a person."""
    if not plan.policies:
        yield "There is no policy, so everything stays: prelude store retain set."
        return
    if not plan.weeks:
        yield "Nothing is due."
        return
    total = _total(week.going for week in plan.weeks)
    for policy in plan.policies:
        if policy.keep != FOREVER:
            what, rows = policy.scope.what, total[policy.id, policy.scope.what]
            yield f"{policy_line(policy, plan.now)}: {rows:,} {'rows' if what == ROWS else 'rows lose them'}"
    yield ""
    for week in plan.weeks:
        yield f"{week.week.starts:%Y-%m-%d}  {_week(week)}"
    held = _total(week.held for week in plan.weeks)
    for hold, rows in sorted(held.items()):
        yield f"hold {hold} keeps {rows:,} rows that are due"


def outcome_lines(outcome: Outcome) -> Iterator[str]:
    """What a run did, for a person."""
    yield f"{outcome.rows:,} rows went, {outcome.partitions} weeks of them as partitions; columns of {outcome.columns:,} rows were erased."
    for hold, rows in sorted(outcome.held.items()):
        yield f"Hold {hold} kept {rows:,} rows that are due."
    if outcome.waiting:
        yield (
            f"{outcome.waiting:,} rows that are due wait until rollups have counted them: let prelude analytics or prelude store rollup run"
            " run, and then this again."
        )
    for name in outcome.leaving:
        yield f"{name} could not leave: a transaction that has read the log is still open (see pg_stat_activity). Run this again to go on."


def _week(week: WeekPlan) -> str:
    if week.drop:
        return f"all of its {week.rows:,} rows go, as a partition"
    parts = [
        f"{rows:,} rows go" if what == ROWS else f"{rows:,} rows lose class {what}"
        for what, rows in sorted(_by_what(week).items(), key=lambda item: item[0] != ROWS)
    ]
    parts += [f"{sum(week.held.values()):,} stay held"] if week.held else []
    parts += [f"{week.waiting:,} wait to be counted"] if week.waiting else []
    return f"of {week.rows:,} rows: {', '.join(parts)}"


def _by_what(week: WeekPlan) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, what), rows in week.going.items():
        found[what] += rows
    return found


def _total(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    return sum(counters, Counter())
