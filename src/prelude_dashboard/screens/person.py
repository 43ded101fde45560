"""One person: when, what, where from, sessions, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.problems import Problem
from prelude_dashboard.columns import of_trends
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen(
    "person", "/person", "Person", "", refresh=30, about=("user_email",), within="people", told="people"
)
_NAMES: Final = 10
_SESSIONS: Final = 8
_SERVICES: Final = 3
_PLACES: Final = 4


async def show(ask: Asking) -> dict[str, Any]:
    """The person whom ``user_email`` names; with the role ``self`` oneself."""
    email = ask.counting.filters.user_email
    if email is None:
        raise Problem(404, "No such person", "the address names nobody; the list of people links to each")
    narrowed = await ask.narrow()
    trends = await ask.trends("status")
    services = await ask.trends("service", _SERVICES)
    sessions = await ask.sessions(_SESSIONS)
    recent = await ask.activities(1)
    return {
        "email": email,
        "narrowed": narrowed,
        "summary": await ask.summary(),
        "drawn": of_trends(trends),
        "trends": trends,
        "services": services,
        "latency": await ask.latency(),
        "heatmap": await ask.heatmap(),
        "errors": await ask.errors(),
        "pages": await ask.pages(_NAMES),
        "sessions": sessions.items,
        "last": recent.items[0] if recent.items else None,
        "origins": await ask.origins(_PLACES),
        "names": _NAMES,
    }
