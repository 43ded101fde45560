"""Activities: the list that every mark opens, and one of them beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from prelude_analytics.parameters import ParameterError
from prelude_dashboard import table
from prelude_dashboard.fields import fields
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.items import Activity
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "handle", "show"]

SCREEN: Final = Screen("activities", "/activities", "Activities", "l")
_ROWS: Final = 100
_MOMENT: Final = timedelta(microseconds=1)
_BEFORE: Final = timedelta(days=1)


async def show(ask: Asking) -> dict[str, Any]:
    """A page of the list, and the row that is open."""
    columns = table.chosen(ask.state)
    found = await ask.activities(_ROWS)
    opened = ask.state["open"]
    chosen = None if opened is None else await _opened(ask, opened)
    return {
        "found": found,
        "columns": columns,
        "all_columns": table.COLUMNS,
        "chosen": chosen,
        "fields": [] if chosen is None else fields(chosen),
        "before": before,
        "handle": handle,
        "exports": {
            kind: ask.state.url("", columns=None).replace("/analytics", f"/api/analytics/export.{kind}", 1)
            for kind in ("csv", "ndjson")
        },
    }


def handle(row: Activity) -> str:
    """What stands for a row in an address."""
    return f"{row.timestamp.isoformat()}~{row.event_id}"


def before(row: Activity) -> dict[str, Any]:
    """The range that ends with `row`: what led to it."""
    return {"from_": row.timestamp - _BEFORE, "to": row.timestamp + _MOMENT}


async def _opened(ask: Asking, opened: str) -> Activity | None:
    moment, _, event_id = opened.partition("~")
    try:
        at, one = datetime.fromisoformat(moment), UUID(event_id)
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        raise ParameterError("open", opened, "it is the address of a row, as the list links to it") from None
    return await ask.activity(at, one)
