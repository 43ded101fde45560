"""Customers and deals: who is looked after, and what became of deals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard.columns import Series, columns
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.answers.deals import Deals
    from prelude_dashboard.asking import Asking
    from prelude_dashboard.columns import Columns

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("customers", "/customers", "Customers", "d", refresh=30, told="counts")
_ROWS: Final = 50
_DONE: Final = (
    ("created", "create_deal", "s1"),
    ("updated", "update_deal", "s0"),
    ("deleted", "delete_deal", "s2"),
)


async def show(ask: Asking) -> dict[str, Any]:
    """Deals over time, and a page of customers."""
    deals = await ask.deals()
    found = await ask.customers(_ROWS, ask.state["cursor"])
    opened = ask.state["open"]
    done = [(name, action, getattr(deals.totals, name)) for name, action, _ in _DONE]
    return {
        "deals": deals,
        "done": done,
        "any_deals": any(counts.success for _, _, counts in done),
        "lines": {name: [getattr(one, name).success for one in deals.over_time] for name, _, _ in _DONE},
        "values": [float(one.total_value_created) for one in deals.over_time],
        "drawn": _drawn(deals),
        "found": found,
        "people": await ask.viewers(opened) if opened is not None and ask.ranks else None,
        "most": max((one.success for one in found.items), default=0),
    }


def _drawn(deals: Deals) -> Columns:
    """What was done to deals over time: successes, as in Query 6."""
    return columns(
        deals,
        [one.start for one in deals.over_time],
        [
            Series(
                name,
                fill,
                {"action_name": action, "result_status": "success"},
                [getattr(one, name).success for one in deals.over_time],
            )
            for name, action, fill in _DONE
        ],
    )
