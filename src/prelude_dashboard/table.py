"""Columns of the table of activities, as an address chooses them: pure functions."""

from __future__ import annotations

from typing import Final

from prelude_analytics.parameters import ParameterError
from prelude_dashboard.state import SEPARATOR, State

__all__ = ["COLUMNS", "FAILED", "USUAL", "chosen"]

COLUMNS: Final = {
    "status": "Status",
    "activity": "Activity",
    "user": "User",
    "entity": "Entity",
    "page": "Page",
    "took": "Took",
    "session": "Session",
    "service": "Service",
    "address": "Address",
    "browser": "Browser",
    "category": "Category",
    "data": "Data",
    "result": "Result",
    "tags": "Tags",
    "trace": "Trace",
}
"""Titles by name, in the order in which they stand, behind the time."""

USUAL: Final = ("status", "activity", "user", "entity", "page", "took")
"""Those of an address that chooses none."""

FAILED: Final = ("status", "activity", "user", "entity", "took", "result")
"""Those of a list of what failed, since the result says why."""
_FAILURES: Final = frozenset({"error", "timeout"})


def chosen(state: State) -> tuple[str, ...]:
    """The columns to show, in the order of `COLUMNS`.

    Raises:
        ParameterError: there is no such column.
    """
    usual = FAILED if state["result_status"] in _FAILURES else USUAL
    asked = (state["columns"] or SEPARATOR.join(usual)).split(SEPARATOR)
    for name in asked:
        if name not in COLUMNS:
            raise ParameterError("columns", name, f"there are {', '.join(COLUMNS)}, with {SEPARATOR} between them")
    return tuple(name for name in COLUMNS if name in asked)
