"""Rows to write in tests: valid ones, with whatever a test is about said by keyword."""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from prelude_store.row import ActivityRow

_MINUTE_US = 60_000_000


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def make_row(**changes: Any) -> ActivityRow:
    """A row of a minute ago with a new id; its content hash covers everything but the duration, as the exporter's does."""
    fields: dict[str, Any] = {
        "timestamp_us": now_us() - _MINUTE_US,
        "event_id": str(uuid4()),
        "user_email": "user@company.com",
        "session_id": "session-abc",
        "action_type": "crm",
        "action_name": "create_deal",
        "action_category": None,
        "entity_type": "deal",
        "entity_id": "789",
        "page_url": "/crm/deals",
        "page_route": "/crm/deals",
        "service_name": "crm-service",
        "user_agent": "Mozilla/5.0",
        "ip_address": "203.0.113.7",
        "action_data": '{"deal_name":"Enterprise Contract","value_usd":50000.0,"client_id":123,"customer_id":123}',
        "result_status": "success",
        "result_data": None,
        "duration_ms": 12,
        "tags": None,
        "completes_event_id": None,
        "personal_paths": None,
        "trace_id": None,
        "span_id": None,
        "waits": False,
    } | changes
    if "content_hash" not in fields:
        hashed = repr(sorted((name, value) for name, value in fields.items() if name not in {"duration_ms", "waits"}))
        fields["content_hash"] = blake2b(hashed.encode("utf-8", "backslashreplace"), digest_size=16).digest()
    return ActivityRow(**fields)


def waiting_row(**changes: Any) -> ActivityRow:
    """A row that waits for a span of its own, unless `changes` says which."""
    ids = {"trace_id": uuid4().hex, "span_id": uuid4().hex[:16]}
    return make_row(**({"duration_ms": None, "waits": True} | ids | changes))
