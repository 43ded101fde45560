"""Overview: what is happening, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.statuses import ORDER
from prelude_dashboard.columns import of_trends
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.answers.summary import Summary
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("overview", "", "Overview", "o", told="counts")
_NAMES: Final = 8
_RECENT: Final = 9


async def show(ask: Asking) -> dict[str, Any]:
    """All figures, of one moment."""
    state = ask.state
    stack = "type" if state["stack"] == "type" else "status"
    summary = await ask.summary()
    trends = await ask.trends("type" if stack == "type" else "status")
    heatmap = await ask.heatmap()
    errors = await ask.errors()
    latency = await ask.latency()
    recent = await ask.activities(_RECENT)
    sessions = await ask.sessions()
    pages = await ask.pages(_NAMES)
    return {
        "summary": summary,
        "by_type": _by_type(summary),
        "by_name": summary.by_action[:_NAMES],
        "trends": trends,
        "stack": stack,
        "drawn": of_trends(trends),
        "heatmap": heatmap,
        "errors": errors,
        "latency": latency,
        "recent": recent,
        "sessions": sessions.items,
        "pages": pages,
        "names": _NAMES,
    }


def _by_type(summary: Summary) -> list[dict[str, Any]]:
    types: dict[str, dict[str, Any]] = {}
    for one in summary.by_action:
        found = types.setdefault(
            one.action_type, {"action_type": one.action_type, "count": 0, **dict.fromkeys(ORDER, 0)}
        )
        for name in ("count", *ORDER):
            found[name] += getattr(one, name)
    return sorted(types.values(), key=lambda found: -found["count"])[:_NAMES]
