"""A row that is written only to see whether one could be, and rolled back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from prelude_store.row import ActivityRow

__all__ = ["rehearsal_row"]


def rehearsal_row(timestamp_us: int) -> ActivityRow:
    """A row of `timestamp_us` (microseconds since the epoch) that waits for no span and clashes with no other."""
    values: dict[str, Any] = dict.fromkeys(ActivityRow._fields) | {
        "timestamp_us": timestamp_us,
        "event_id": str(uuid4()),
        "action_type": "analytics",
        "action_name": "rehearsal",
        "result_status": "success",
        "content_hash": bytes(16),
        "waits": False,
    }
    return ActivityRow(**values)
