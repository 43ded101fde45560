"""System: how the log itself fares, and what could not become a row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard import charts
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.answers.system import System
    from prelude_analytics.routes.system import QuarantineRecord
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

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
_LEAST_POWERS: Final = 3
"""The scale of lags goes by powers of ten, up to a second at least: so a fast day and a late hour can both be read."""


async def show(ask: Asking) -> dict[str, Any]:
    """All figures, the newest entries of the quarantine, and one of them opened."""
    system, entry = await ask.system(), await ask.quarantined()
    return {
        "system": system,
        "lag": {window.minutes: window for window in system.lag},
        "chart": _chart(system),
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


def _chart(system: System) -> dict[str, Any]:
    """Lags of the last day as lines, and the marks of their scale."""
    steps = system.lag[-1].over_time
    most = max((step.p95_ms for step in steps if step.p95_ms is not None), default=0.0)
    top = max(_LEAST_POWERS, math.ceil(math.log10(max(most, 1.0))))
    lines = {
        name: charts.line([_power(getattr(step, name)) for step in steps], WIDTH, HEIGHT, 0, top)
        for name in ("p95_ms", "p50_ms")
    }
    marks = [(10**power, HEIGHT - power / top * HEIGHT) for power in range(top + 1)]
    return {"steps": steps, "lines": lines, "ticks": marks, "slot": WIDTH / max(len(steps), 1)}


def _power(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else math.log10(max(milliseconds, 1.0))
