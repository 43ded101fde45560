"""System: how the log itself fares, and what could not become a row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard import charts
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_analytics.answers.system import LagWindow
    from prelude_analytics.routes.system import QuarantineRecord
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "chart_of", "show"]

SCREEN: Final = Screen("system", "/system", "System", "y", roles=("all", "govern"))
WIDTH: Final = 720.0
HEIGHT: Final = 150.0
SAID: Final = {
    "row": "It is a row of the log now.",
    "known": "Its row was in the log already.",
    "erased": "Its person was erased since: it stays out.",
    "stayed": "It can't become a row still, and stays, with the reason of today.",
    "unreadable": "Its bytes are no record of an activity: it stays.",
    "discarded": "The entry is gone for good.",
}
_ENTRIES: Final = 20
_PARTITIONS: Final = 60
_FEWEST: Final = 3
"""So many steps of the last day must have rows; in a younger log the last hour is drawn."""
_SECOND: Final = 3
_LEAST_POWERS: Final = 2
"""The scale of lags goes by powers of ten, and has so many at least: a fast day and a late hour can both be read."""


async def show(ask: Asking) -> dict[str, Any]:
    """All figures, the newest entries of the quarantine, and one of them opened."""
    system, entry = await ask.system(), await ask.quarantined()
    return {
        "system": system,
        "lag": {window.minutes: window for window in system.lag},
        "chart": chart_of(system.lag),
        "width": WIDTH,
        "height": HEIGHT,
        "quarantine": await ask.quarantine(_ENTRIES),
        "entry": entry,
        "record": _record(entry),
        "said": SAID.get(ask.state["said"] or ""),
        "governs": ask.caller.role == "govern",
        "partitions": system.partitions[:_PARTITIONS],
        "largest": max((one.bytes for one in system.partitions), default=0),
    }


def _record(entry: QuarantineRecord | None) -> Any:
    """The record of an entry; alone, where its request holds nothing else."""
    record = None if entry is None else entry.record
    return record[0] if isinstance(record, list) and len(record) == 1 else record


def chart_of(lag: Sequence[LagWindow]) -> dict[str, Any]:
    """Lags of the last day, or of the last hour of a young log, as lines, and the marks of their scale."""
    day, hour = lag[-1], lag[-2]
    drawn = day if sum(step.rows > 0 for step in day.over_time) >= _FEWEST else hour
    steps = drawn.over_time
    slot = WIDTH / len(steps)
    powers = [_power(lag) or 0.0 for step in steps for lag in (step.p50_ms, step.p95_ms) if lag is not None]
    top = max(_LEAST_POWERS, math.ceil(max(powers, default=0.0)))
    low = min(math.floor(min(powers, default=0.0)), top - _LEAST_POWERS)
    lines = {
        name: charts.line([_power(getattr(step, name)) for step in steps], WIDTH - slot, HEIGHT, low, top)
        for name in ("p95_ms", "p50_ms")
    }
    marks = [(_said(power), HEIGHT - (power - low) / (top - low) * HEIGHT) for power in range(low, top + 1)]
    return {"minutes": drawn.minutes, "steps": steps, "lines": lines, "ticks": marks, "slot": slot}


def _power(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else math.log10(max(milliseconds, 1.0))


def _said(power: int) -> str:
    """A power of ten of milliseconds: a mark is a round number of one unit."""
    return f"{10**power} ms" if power < _SECOND else f"{10 ** (power - _SECOND):,} s"
