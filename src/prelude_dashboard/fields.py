"""One activity, field by field, as its details show it: pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prelude_analytics.browsers import browser_of
from prelude_dashboard.state import FILTERS, askable

if TYPE_CHECKING:
    from prelude_analytics.items import Activity

__all__ = ["Field", "fields"]

_ON_TOP: Final = frozenset({"timestamp", "duration_ms", "result_status"})
"""Shown above the fields."""
_ORDER: Final = (
    "user_email",
    "action_type",
    "action_name",
    "action_category",
    "entity_type",
    "entity_id",
    "action_data",
    "result_data",
    "tags",
    "page_url",
    "page_route",
    "service_name",
    "ip_address",
    "browser",
    "user_agent",
    "session_id",
)
"""What people ask for first stands first; what is not here stands behind."""
_COPIED: Final = frozenset({"event_id", "trace_id", "session_id", "completes_event_id"})


class Field(NamedTuple):
    """A field that the activity has.

    Attributes:
        value: a text, or a map.
        filter: the name of the filter that finds others with the same value; empty where none does.
        copied: whether somebody may want to have it elsewhere.
    """

    name: str
    value: Any
    filter: str
    copied: bool


def fields(row: Activity) -> list[Field]:
    """All that is known of `row` beside what stands on top; the browser by its name, too."""
    known = {name: value for name, value in row.model_dump(mode="json").items() if name not in _ON_TOP}
    known["browser"] = browser_of(row.user_agent) or None
    known["tags"] = ", ".join(row.tags) if row.tags else None
    ordered = [*_ORDER, *(name for name in known if name not in _ORDER)]
    return [_field(name, known[name]) for name in ordered if known[name] is not None]


def _field(name: str, value: Any) -> Field:
    narrows = name in FILTERS and isinstance(value, str) and askable(value)
    return Field(name, value, name if narrows else "", name in _COPIED)
