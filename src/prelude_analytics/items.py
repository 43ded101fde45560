"""A row as lists, exports and the live feed show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from prelude_analytics.statuses import effective

__all__ = ["COLUMNS", "Activity", "columns", "item", "place"]


class Activity(BaseModel):
    """One activity: a row of the log."""

    event_id: UUID = Field(description="The activity's id.")
    timestamp: datetime = Field(description="When it began.")
    user_email: str | None = Field(description="Who did it; null where nobody was signed in.")
    session_id: str | None
    action_type: str
    action_name: str
    action_category: str | None
    entity_type: str | None = Field(description="What kind of thing it was done to.")
    entity_id: str | None
    page_url: str | None
    page_route: str | None = Field(description="The template of page_url.")
    service_name: str | None
    user_agent: str | None
    ip_address: str | None
    action_data: dict[str, Any] | None
    result_status: str = Field(description="A pending activity that was not ended in time reads as `timeout`.")
    result_data: dict[str, Any] | None
    duration_ms: int | None = Field(description="How long it took, in milliseconds; null while that is unknown.")
    tags: list[str] | None
    completes_event_id: UUID | None = Field(description="The pending activity that this one ended.")
    trace_id: str | None
    span_id: str | None


COLUMNS: Final = tuple(Activity.model_fields)
"""Of the log, in the order in which they are shown."""

_PLACE: Final = frozenset({"timestamp", "event_id"})


def columns(alias: str = "log") -> str:
    """`COLUMNS`, for a statement."""
    return ", ".join(f'{alias}."{name}"' for name in COLUMNS)


def place(alias: str = "log") -> str:
    """`columns` of which all are empty but those that are the row's place in a list."""
    return ", ".join(f'{alias}."{name}"' if name in _PLACE else f'NULL AS "{name}"' for name in COLUMNS)


def item(row: Mapping[str, Any], cut: datetime) -> dict[str, Any]:
    """The row as it is shown; pending rows from before `cut` are timeouts."""
    shown = {name: row[name] for name in COLUMNS}
    shown["result_status"] = effective(row["result_status"], row["timestamp"], cut)
    return shown
