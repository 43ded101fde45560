"""What failed: over time, by action, by page, with examples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Answer, Counts, framed, tally
from prelude_analytics.items import Activity, columns, item
from prelude_analytics.sources import ACTIVITIES, Counting, asked_rows, fetch, source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prelude_analytics.database import Connection
    from prelude_analytics.sources import Source
    from prelude_analytics.zones import Step

__all__ = ["Errors", "errors"]

_ACTIONS: Final = 10
_EXAMPLES: Final = 3
_FAILED: Final = ("error", "timeout")


class Outcome(Counts):
    """Counts, and the share that failed."""

    rate: float | None = Field(description="Errors and timeouts as a share of all; null where there is nothing.")


class StepOutcome(Outcome):
    """One step of time."""

    start: datetime


class ActionOutcome(Outcome):
    """One action."""

    action_type: str
    action_name: str
    examples: list[Activity] = Field(
        description=f"Its newest failures, up to {_EXAMPLES}; of the first {_ACTIONS} actions."
    )


class PageOutcome(Outcome):
    """One page."""

    page_route: str = Field(description="The template; empty: activities without a page.")


class Errors(Answer):
    """What failed."""

    step: str
    totals: Outcome
    over_time: list[StepOutcome] = Field(description="Every step of the range.")
    by_action: list[ActionOutcome] = Field(description="Actions that failed at all; the most failures first.")
    by_page: list[PageOutcome] = Field(description="Pages with failures; the most failures first.")


@dataclass(slots=True)
class _Group:
    counts: dict[str, int]
    failed: int
    last: datetime | None


async def errors(connection: Connection, counting: Counting, step: Step) -> Errors:
    """The answer to ``GET /errors``."""
    edges = counting.range.steps(step)
    chosen = await source(connection, ACTIVITIES, counting, edges)
    rows = await fetch(
        connection, queries.load("errors", source=chosen.statement), chosen.parameters | {"edges": edges}
    )
    steps: dict[int, list[dict[str, Any]]] = {}
    actions: dict[tuple[str, str], list[dict[str, Any]]] = {}
    pages: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["by_step"]:
            steps.setdefault(row["step"], []).append(row)
        elif row["by_action"]:
            actions.setdefault((row["action_type"], row["action_name"]), []).append(row)
        else:
            pages.setdefault(row["page_route"], []).append(row)
    failing = _failing(actions)
    examples = await _examples(connection, counting, chosen, failing[:_ACTIONS])
    return Errors(
        **framed(chosen, counting),
        step=step,
        totals=Outcome(**_outcome(tally(row for found in steps.values() for row in found))),
        over_time=[
            StepOutcome(start=start, **_outcome(tally(steps.get(place, ())))) for place, start in enumerate(edges[:-1])
        ],
        by_action=[
            ActionOutcome(
                action_type=key[0], action_name=key[1], examples=examples.get(key, []), **_outcome(group.counts)
            )
            for key, group in failing
        ],
        by_page=[PageOutcome(page_route=key, **_outcome(group.counts)) for key, group in _failing(pages)],
    )


def _failing(groups: dict[Any, list[dict[str, Any]]]) -> list[tuple[Any, _Group]]:
    found = []
    for key, rows in groups.items():
        counted = tally(rows)
        failed = sum(counted[status] for status in _FAILED)
        last = max((row["last_bucket"] for row in rows if row["status"] in _FAILED), default=None)
        if failed:
            found.append((key, _Group(counted, failed, last)))
    return sorted(found, key=lambda one: (-one[1].failed, one[0]))


async def _examples(
    connection: Connection, counting: Counting, chosen: Source, failing: Iterable[tuple[tuple[str, str], _Group]]
) -> dict[tuple[str, str], list[Activity]]:
    """The newest failures of actions. Where the last of each lies is known, so nothing else is searched."""
    wanted = [(key, group.last) for key, group in failing if group.last is not None]
    condition, parameters = asked_rows(counting.filters)
    day = timedelta(days=1)
    parameters |= chosen.watermark.parameters() | {
        "action_types": [key[0] for key, _ in wanted],
        "action_names": [key[1] for key, _ in wanted],
        "firsts": [max(last, counting.range.from_) for _, last in wanted],
        "lasts": [min(last + day, counting.range.to) for _, last in wanted],
        "examples": _EXAMPLES,
    }
    statement = queries.load("error_examples", columns=columns(), conditions=condition)
    found: dict[tuple[str, str], list[Activity]] = {}
    for row in await fetch(connection, statement, parameters):
        found.setdefault((row["action_type"], row["action_name"]), []).append(Activity(**item(row, counting.cut)))
    return found


def _outcome(counted: dict[str, int]) -> dict[str, Any]:
    failed = sum(counted[status] for status in _FAILED)
    return counted | {"rate": round(failed / counted["count"], 6) if counted["count"] else None}
