"""The live feed knows every filter that lists know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from prelude_analytics.filters import Filters
from prelude_analytics.live.condition import Condition
from prelude_analytics.live.entry import row_entry
from prelude_store.following import COLUMNS

NOW = datetime(2026, 3, 28, 12, 30, tzinfo=UTC)
ROW: dict[str, Any] = dict.fromkeys(COLUMNS) | {
    "event_id": "00000000-0000-0000-0000-000000000001",
    "timestamp": NOW,
    "action_type": "crm",
    "action_name": "send_email",
    "page_route": "/deals",
    "user_agent": "curl/8.5.0",
    "ip_address": "198.51.100.7",
    "result_status": "success",
    "action_data": '{"customer_id": 7, "method": "smtp"}',
}


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"page_route": "/deals"}, True),
        ({"page_route": "(none)"}, False),
        ({"service_name": "(none)", "action_name": "send_email"}, True),
        ({"customer_id": "7", "action_group": "emails"}, True),
        ({"customer_id": "8"}, False),
        ({"action_group": "views"}, False),
        ({"email_method": "smtp", "result_status": "success"}, True),
        ({"email_method": "other"}, False),
        ({"ip_address": "198.51.100.7"}, True),
        ({"ip_address": "(none)"}, False),
        ({"browser": "curl", "action_name": "send_email"}, True),
        ({"browser": "Chrome on Windows"}, False),
        ({"deal_value": "unknown"}, False),
        ({"weekday": "6", "hour": "18", "tz": "Asia/Kolkata"}, True),
        ({"weekday": "6", "hour": "18"}, False),
    ],
)
def test_a_row_fits_the_filters_that_lists_have(asked: dict[str, str], fits: bool) -> None:
    condition = Condition(Filters.read(asked))
    assert condition.fits(row_entry(1, 1, ROW, NOW)) is fits
    assert not condition.everything
