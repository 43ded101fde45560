"""Sessions: how long they were, what was done in each, and how much of it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("sessions", "/sessions", "Sessions", "s", told="people")
_ROWS: Final = 50
_KNOWN: Final = ("user_email", "session_id")
"""Filters that sessions know: one session has activities of all kinds."""


async def show(ask: Asking) -> dict[str, Any]:
    """A page of the list."""
    failed = ask.state["errors"] == "1"
    found = await ask.sessions(_ROWS, ask.state["cursor"], with_errors=failed)
    return {
        "found": found,
        "failed": failed,
        "longest": max((one.duration_ms for one in found.items), default=0),
        "most": max((one.activity_count for one in found.items), default=0),
        "ignored": [name for name in ask.state.filters if name not in _KNOWN],
    }
