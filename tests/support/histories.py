"""Random histories: rows with ties, late ones, pending pairs in either order, spans that come before or after; and how they come in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from prelude_store.row import ActivityRow, SpanLength
from tests.support.rows import make_row

START_US = int(datetime(2026, 3, 28, 22, 40, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE_US = 60_000_000
# Around the gap of sessions, the borders of quarters, hours and days, and far away.
OFFSETS = (
    0,
    1,
    5,
    12,
    14,
    15,
    19.99999998,
    20,
    29,
    29.99999998,
    30,
    44,
    45,
    60,
    79.99999998,
    80,
    90,
    110,
    1440,
    1441,
    20_160,
)
ACTIONS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("crm", "create_deal", {"value_usd": 10.5, "customer_id": 7}),
    ("crm", "create_deal", {"value_usd": "much"}),
    ("crm", "view_customer", {"customer_id": 7}),
    ("crm", "view_customer", None),
    ("crm", "view_deal", {"customer_id": "eight"}),
    ("crm", "view_deal", None),
    ("crm", "send_email", {"method": "gmail_api_v2"}),
    ("crm", "generate_email", None),
    ("navigation", "page_view", None),
)
LENGTHS = (None, 0, 3, 50, 51, 52, 400, 401, 60_000, 2**31 - 1)


def history(pick: Random, size: int) -> tuple[list[ActivityRow], list[SpanLength]]:
    """`size` rows in order of nothing, and the spans of those that wait."""
    ids = [str(UUID(int=pick.getrandbits(128), version=4)) for _ in range(size)]
    rows = []
    spans = []
    for number, event_id in enumerate(ids):
        kind, name, data = pick.choice(ACTIONS)
        waits = pick.random() < 0.3
        trace_id = f"{pick.getrandbits(128) | 1:032x}" if waits else None
        span_id = f"{pick.getrandbits(64) | 1:016x}" if waits else None
        completes = None
        if pick.random() < 0.4:
            completes = pick.choice([*ids[max(0, number - 4) : number + 5], event_id, str(UUID(int=5))])
        rows.append(
            make_row(
                event_id=event_id,
                timestamp_us=START_US + round(pick.choice(OFFSETS) * MINUTE_US),
                user_email=pick.choice([None, "a@x.com", "a@x.com", "b@x.com"]),
                session_id=pick.choice([None, None, "", "one", "two"]),
                action_type=kind, action_name=name, action_data=None if data is None else json.dumps(data),
                entity_type=pick.choice([None, "deal"]), entity_id=pick.choice([None, "9"]),
                service_name=pick.choice([None, "crm"]),
                page_route=pick.choice([None, "/a", "/b"]), page_url=pick.choice([None, "/c", "/d"]),
                result_status=pick.choice(["success", "success", "error", "pending", "pending", "timeout"]),
                duration_ms=None if waits else pick.choice(LENGTHS), completes_event_id=completes,
                trace_id=trace_id, span_id=span_id, waits=waits,
            )
        )  # fmt: skip
        if trace_id is not None and span_id is not None and pick.random() < 0.8:
            spans.append(SpanLength(trace_id, span_id, pick.choice([1, 51, 9_999]) * 1_000_000))
    return rows, spans
