"""Activities: the list that every mark opens, and one of them beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard import table
from prelude_dashboard.opened import handle, opened
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("activities", "/activities", "Activities", "a", told="rows")
_ROWS: Final = 100


async def show(ask: Asking) -> dict[str, Any]:
    """A page of the list, and the row that is open."""
    columns = table.chosen(ask.state)
    found = await ask.activities(_ROWS)
    return {
        "found": found,
        "columns": columns,
        "all_columns": table.COLUMNS,
        "handle": handle,
        "exports": {
            kind: ask.state.url("", columns=None).replace("/analytics", f"/api/analytics/export.{kind}", 1)
            for kind in ("csv", "ndjson")
        },
        **await opened(ask),
    }
