"""What failed: over time, by action, by page, with examples."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Answer, Counts, counts, framed
from prelude_analytics.figures.sheet import edges_of, sheet
from prelude_analytics.figures.tables import ACTIVITIES
from prelude_analytics.figures.work import worked
from prelude_analytics.items import Activity, columns, item
from prelude_analytics.sources import asked_rows, fetch
from prelude_analytics.statuses import ORDER, QUARTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from prelude_analytics.cursors import Watermark
    from prelude_analytics.figures.frames import Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.figures.sheet import Chunk, Sheet
    from prelude_analytics.sources import Counting
    from prelude_analytics.zones import Step

__all__ = ["Errors", "errors"]

_ACTIONS: Final = 10
_EXAMPLES: Final = 3
_FAILED: Final = np.array([status in ("error", "timeout") for status in ORDER])
_DAY: Final = timedelta(days=1)


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


async def errors(reading: Reading, counting: Counting, step: Step) -> Errors:
    """The answer to ``GET /errors``."""
    edges = counting.range.steps(step)
    chosen = await sheet(reading, ACTIVITIES, counting, edges)
    groups, actions = chosen.grouped("action_type", "action_name")
    page_groups, pages = chosen.grouped("page_route")

    def counted() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], dict[int, int]]:
        by_action = _by(groups)
        return (
            chosen.by_status(len(edges) - 1, edges_of(edges)),
            chosen.by_status(len(actions), by_action),
            chosen.by_status(len(pages), _by(page_groups)),
            _last_failures(chosen, by_action),
        )

    by_step, by_action, by_page, lasts = await worked(chosen, counted)
    failing = _failing(actions, by_action)
    newest = {action: lasts[actions.index(action)] for action, _ in failing[:_ACTIONS]}
    examples = await _examples(reading, counting, chosen.watermark, newest)
    return Errors(
        **framed(chosen, counting),
        step=step,
        totals=Outcome(**_outcome(by_step.sum(axis=0).tolist())),
        over_time=[
            StepOutcome(start=start, **_outcome(found))
            for start, found in zip(edges[:-1], by_step.tolist(), strict=True)
        ],
        by_action=[
            ActionOutcome(
                action_type=action[0], action_name=action[1], examples=examples.get(action, []), **_outcome(found)
            )
            for action, found in failing
        ],
        by_page=[PageOutcome(page_route=page, **_outcome(found)) for (page,), found in _failing(pages, by_page)],
    )


def _by(groups: Ints) -> Callable[[Chunk], Ints]:
    def place(chunk: Chunk) -> Ints:
        placed: Ints = groups[chunk.frame["key"]]
        return placed

    return place


def _last_failures(of: Sheet, place: Callable[[Chunk], Ints]) -> dict[int, int]:
    """The last bucket with a failure, in seconds since 1970, of each place that has one."""
    last: dict[int, int] = {}
    for chunk in of.chunks:
        failed = _FAILED[of.statuses(chunk)][chunk.frame["key"]] & (chunk.frame["count"] > 0)
        # In the order of time: the last one stays.
        last |= zip(place(chunk)[failed].tolist(), chunk.frame["bucket"][failed].tolist(), strict=True)
    return last


def _failing(keys: list[tuple[str, ...]], by_status: NDArray[np.int64]) -> list[tuple[tuple[str, ...], list[int]]]:
    """Those with failures, the most first."""
    failed = by_status[:, _FAILED].sum(axis=1).tolist()
    found = [(key, found) for key, found, count in zip(keys, by_status.tolist(), failed, strict=True) if count]
    return sorted(found, key=lambda one: (-sum(np.array(one[1])[_FAILED].tolist()), one[0]))


async def _examples(
    reading: Reading, counting: Counting, watermark: Watermark, lasts: dict[tuple[str, ...], int]
) -> dict[tuple[str, ...], list[Activity]]:
    """The newest failures of actions, of which the day of the last one is known: its quarters of an hour tell where to look."""
    wanted: dict[tuple[str, ...], tuple[datetime, datetime]] = {}
    days: dict[datetime, list[tuple[str, ...]]] = {}
    for action, last in lasts.items():
        days.setdefault(datetime.fromtimestamp(last - last % 86_400, UTC), []).append(action)
    for day, failing in days.items():
        since, until = max(day, counting.range.from_), min(day + _DAY, counting.range.to)
        among = replace(counting, range=replace(counting.range, from_=since, to=until))
        wanted |= await _where_newest(reading, among, failing)
    condition, parameters = asked_rows(counting.filters)
    parameters |= watermark.parameters() | {
        "action_types": [action[0] for action in wanted],
        "action_names": [action[1] for action in wanted],
        "firsts": [since for since, _ in wanted.values()],
        "lasts": [until for _, until in wanted.values()],
        "examples": _EXAMPLES,
    }
    statement = queries.load("error_examples", columns=columns(), conditions=condition)
    found: dict[tuple[str, ...], list[Activity]] = {}
    for row in await fetch(reading.connection, statement, parameters):
        found.setdefault((row["action_type"], row["action_name"]), []).append(Activity(**item(row, counting.cut)))
    return found


async def _where_newest(
    reading: Reading, day: Counting, actions: list[tuple[str, ...]]
) -> dict[tuple[str, ...], tuple[datetime, datetime]]:
    """For each action the shortest stretch of `day` with its newest failures, as many as are shown, or all that there are."""
    if not day.filters.within(ACTIVITIES.filters):
        return dict.fromkeys(actions, (day.range.from_, day.range.to))
    of = await sheet(reading, ACTIVITIES, day, grains=(15,))
    groups, known = of.grouped("action_type", "action_name")
    failures: dict[int, dict[int, int]] = {}
    for chunk in of.chunks:
        failed = _FAILED[of.statuses(chunk)][chunk.frame["key"]]
        columns = groups[chunk.frame["key"]], chunk.frame["bucket"], chunk.frame["count"]
        for place, bucket, count in zip(*(column[failed].tolist() for column in columns), strict=True):
            of_action = failures.setdefault(place, {})
            of_action[bucket] = of_action.get(bucket, 0) + count
    return {action: _newest(failures[known.index(action)]) for action in actions}


def _newest(failures: dict[int, int]) -> tuple[datetime, datetime]:
    """The stretch, from failures by quarter of an hour, in seconds since 1970."""
    since = last = max(failures)
    count = 0
    for bucket in sorted(failures, reverse=True):
        since, count = bucket, count + failures[bucket]
        if count >= _EXAMPLES:
            break
    return datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(last, UTC) + QUARTER


def _outcome(by_status: list[int]) -> dict[str, Any]:
    counted = counts(by_status)
    failed = sum(count for count, failure in zip(by_status, _FAILED.tolist(), strict=True) if failure)
    return counted | {"rate": round(failed / counted["count"], 6) if counted["count"] else None}
