"""The whole history of one thing, by everybody: who viewed, mailed, changed what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.problems import Problem
from prelude_dashboard.screen import Screen
from prelude_dashboard.screens.activities import handle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "brief", "show"]

SCREEN: Final = Screen(
    "entity", "/entity", "History", "", about=("entity_type", "entity_id"), within="customers", days=365
)
_ROWS: Final = 100
_PEOPLE: Final = 10
_FIELDS: Final = 4
_LONGEST: Final = 60


async def show(ask: Asking) -> dict[str, Any]:
    """The history of the thing that ``entity_type`` and ``entity_id`` name."""
    filters = ask.counting.filters
    if filters.entity_type is None or filters.entity_id is None:
        raise Problem(404, "No such thing", "the address names none: it has entity_type and entity_id")
    summary = await ask.summary()
    found = await ask.activities(_ROWS)
    return {
        "kind": filters.entity_type,
        "id": filters.entity_id,
        "summary": summary,
        "found": found,
        "people": await ask.users(_PEOPLE) if ask.ranks else None,
        "handle": handle,
        "brief": brief,
    }


def brief(data: Mapping[str, Any] | None) -> str:
    """What is known of an activity in one line: its first few fields."""
    shown = []
    for name, value in list((data or {}).items())[:_FIELDS]:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        shown.append(f"{_cut(name.replace('_', ' '))}: {_cut(text)}")
    return ", ".join(shown)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
