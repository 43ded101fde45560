"""One session: a ribbon over time, and what was done under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_analytics.problems import Problem
from prelude_dashboard.opened import handle
from prelude_dashboard.ribbon import FOLD, ribbon
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prelude_analytics.items import Activity
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("session", "/session", "Session", "", about=("user_email", "session"), within="sessions")
_ROWS: Final = 500
_LANES: Final = 5
_WIDTH: Final = 1000.0


class Row(NamedTuple):
    """An activity, and how many seconds nothing was done before it."""

    activity: Activity
    pause: float


async def show(ask: Asking) -> dict[str, Any]:
    """The session that ``session`` names."""
    session_id = ask.state["session"]
    if session_id is None:
        raise Problem(404, "No such session", "the address names none; the list of sessions links to each")
    status = ask.state["result_status"]
    found = await ask.session(session_id, _ROWS, ask.state["cursor"], status)
    # With a filter the rows are few, and the ribbon shows where among all they were.
    items = found.items if status is None else (await ask.session(session_id, _ROWS)).items
    lanes = _lanes(items)
    drawn = ribbon([(one.timestamp.timestamp(), (one.duration_ms or 0) / 1000) for one in items], _WIDTH)
    return {
        "session": found.session,
        "rows": _rows(found.items, pauses=status is None),
        "drawn": items,
        "listed": {one.event_id for one in found.items},
        "next_cursor": found.next_cursor,
        "watermark": found.watermark,
        "lanes": lanes,
        "lane_of": [min(lanes.index(one.action_type), _LANES - 1) for one in items],
        "ribbon": drawn,
        "width": _WIDTH,
        "handle": handle,
        "first": items[0] if items else None,
    }


def _lanes(items: Sequence[Activity]) -> list[str]:
    """Types of what was done, the first done on top."""
    return list(dict.fromkeys(one.action_type for one in items))


def _rows(items: Sequence[Activity], *, pauses: bool) -> list[Row]:
    found: list[Row] = []
    end = None
    for one in items:
        begin = one.timestamp.timestamp()
        pause = begin - end if end is not None else 0.0
        found.append(Row(one, pause if pauses and pause > FOLD else 0.0))
        end = max(end or begin, begin + (one.duration_ms or 0) / 1000)
    return found
