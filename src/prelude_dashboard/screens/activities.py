"""Activities: the list that every mark opens, and one of them beside it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from prelude_analytics.parameters import ParameterError
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.items import Activity
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("activities", "/activities", "Activities", "l")
_ROWS: Final = 100


async def show(ask: Asking) -> dict[str, Any]:
    """A page of the list, and the row that is open."""
    found = await ask.activities(_ROWS)
    opened = ask.state["open"]
    chosen = None if opened is None else await _opened(ask, opened)
    return {
        "found": found,
        "chosen": chosen,
        "fields": [] if chosen is None else _fields(chosen),
        "handle": handle,
        "exports": {
            kind: ask.state.url("").replace("/analytics", f"/api/analytics/export.{kind}", 1)
            for kind in ("csv", "ndjson")
        },
    }


def handle(row: Activity) -> str:
    """What stands for a row in an address."""
    return f"{row.timestamp.isoformat()}~{row.event_id}"


async def _opened(ask: Asking, opened: str) -> Activity | None:
    moment, _, event_id = opened.partition("~")
    try:
        at, one = datetime.fromisoformat(moment), UUID(event_id)
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        raise ParameterError("open", opened, "it is the address of a row, as the list links to it") from None
    return await ask.activity(at, one)


def _fields(row: Activity) -> list[tuple[str, str]]:
    """All that is known of a row; maps as JSON."""
    shown = []
    for name, value in row.model_dump(mode="json").items():
        if value is None or name in ("timestamp", "duration_ms", "result_status"):
            continue
        text = json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict | list) else str(value)
        shown.append((name, text))
    return shown
