"""The whole history of one thing, by everybody: who viewed, mailed, changed what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.problems import Problem
from prelude_dashboard.opened import handle
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "brief", "show"]

SCREEN: Final = Screen(
    "entity",
    "/entity",
    "History",
    "",
    about=("entity_type", "entity_id", "customer_id"),
    within="customers",
    days=365,
)
_ROWS: Final = 100
_PEOPLE: Final = 10
_FIELDS: Final = 4
_LONGEST: Final = 60


async def show(ask: Asking) -> dict[str, Any]:
    """The history of the thing that ``entity_type`` and ``entity_id`` name, or of all that names the customer ``customer_id``."""
    filters = ask.counting.filters
    kind, one = filters.entity_type, filters.entity_id
    if filters.customer_id is not None:
        kind, one = "customer", filters.customer_id
    if kind is None or one is None:
        raise Problem(404, "No such thing", "the address names none: it has entity_type and entity_id, or customer_id")
    summary = await ask.summary()
    found = await ask.activities(_ROWS)
    return {
        "kind": kind,
        "id": one,
        "named": filters.customer_id is not None,
        "summary": summary,
        "found": found,
        "people": await ask.users(_PEOPLE) if ask.ranks else None,
        "handle": handle,
        "brief": brief,
    }


def brief(data: Mapping[str, Any] | None, besides: str = "") -> str:
    """What is known of an activity in one line: its first few fields, without those that say what is known, `besides`."""
    shown: list[str] = []
    for name, value in _fields(data or {}):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if text != besides:
            shown.append(f"{_cut(name.replace('_', ' '))}: {_cut(text)}")
    return ", ".join(shown[:_FIELDS])


def _fields(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields, and those of maps among them instead of the maps."""
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from value.items()
        else:
            yield name, value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
