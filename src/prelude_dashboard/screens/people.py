"""People: who did how much, and when. Whom a role may not rank it does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("people", "/people", "People", "u", refresh=30, told="people")
_ROWS: Final = 50


async def show(ask: Asking) -> dict[str, Any]:
    """A page of the ranking, where there may be one."""
    found = await ask.users(_ROWS, ask.state["cursor"]) if ask.ranks else None
    return {
        "found": found,
        "most": max((one.count for one in found.items), default=0) if found else 0,
        "switched_off": not ask.settings.named_rankings,
    }
