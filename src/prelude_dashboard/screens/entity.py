"""The whole history of one thing, by everybody: who viewed, mailed, changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_analytics.problems import Problem
from prelude_dashboard.opened import handle
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen(
    "entity",
    "/entity",
    "History",
    "",
    about=("entity_type", "entity_id", "customer_id"),
    within="customers",
    days=365,
    told="rows",
)
_ROWS: Final = 100
_PEOPLE: Final = 10


async def show(ask: Asking) -> dict[str, Any]:
    """The history of the thing that ``entity_type`` and ``entity_id`` name, or of all that names the customer ``customer_id``."""
    filters = ask.counting.filters
    kind, one = filters.entity_type, filters.entity_id
    if filters.customer_id is not None:
        kind, one = "customer", filters.customer_id
    if kind is None or one is None:
        raise Problem(404, "No such thing", "the address names none: it has entity_type and entity_id, or customer_id")
    narrowed = await ask.narrow()
    summary = await ask.summary()
    found = await ask.activities(_ROWS)
    return {
        "kind": kind,
        "id": one,
        "narrowed": narrowed,
        "named": filters.customer_id is not None,
        "summary": summary,
        "found": found,
        "people": await ask.users(_PEOPLE) if ask.ranks else None,
        "handle": handle,
    }
