"""Found by an index or asked one by one: a row goes to the same clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prelude_analytics.filters import Filters
from prelude_analytics.live.audience import Audience
from prelude_analytics.live.condition import Condition
from prelude_analytics.live.entry import Entry, amendment_entry, row_entry
from prelude_analytics.live.subscriber import Subscriber
from prelude_store.following import COLUMNS
from tests.support.oracle_cases import how_many

CASES = how_many(50)
CUT = datetime(2026, 3, 1, tzinfo=UTC)

_few = st.sampled_from(["a", "b", "needle"])
_maybe = st.none() | _few
_statuses = st.sampled_from(["success", "error", "pending", "timeout"])
_types = st.sampled_from(["crm", "chat"])

_rows = st.fixed_dictionaries(
    {
        "user_email": _maybe,
        "session_id": _maybe,
        "action_type": _types,
        "action_name": _few,
        "entity_type": _maybe,
        "entity_id": _maybe,
        "service_name": _maybe,
        "page_url": _maybe,
        "result_status": _statuses,
        "tags": st.none() | st.lists(_few, max_size=3),
        "action_data": st.none() | st.dictionaries(_few, st.lists(_few, max_size=2) | _few, max_size=2),
        "timestamp": st.sampled_from([CUT - timedelta(minutes=1), CUT, CUT + timedelta(minutes=1)]),
    }
)
_filters = st.builds(
    Filters,
    **dict.fromkeys(
        ("user_email", "action_name", "entity_type", "entity_id", "service_name", "session_id", "tag"), _maybe
    ),
    action_type=st.none() | _types,
    result_status=st.none() | _statuses,
    q=st.sampled_from([None, None, None, "NEED", "b"]),
)


def entry(row: dict[str, Any]) -> Entry:
    values = dict.fromkeys(COLUMNS) | row | {"event_id": "e"}
    values["action_data"] = None if row["action_data"] is None else json.dumps(row["action_data"])
    return row_entry(1, 1, values, CUT)


@settings(max_examples=CASES)
@given(st.lists(_filters, max_size=12), st.lists(_rows, min_size=1, max_size=6), st.data())
def test_the_index_gives_what_plain_filters_give(
    asked: list[Filters], rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    audience = Audience()
    present: dict[Subscriber, Filters] = {}
    for filters in asked:
        subscriber = Subscriber("")
        present[subscriber] = filters
        audience.add(filters, subscriber)
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            audience.remove(present.pop(subscriber), subscriber)
    assert len(audience) == len(present)
    for row in rows:
        found = entry(row)
        expected = {subscriber for subscriber, filters in present.items() if filters.matches(row, CUT)}
        for one in (found, amendment_entry(2, 9, {"event_id": "e"}, found)):
            groups = list(audience.groups_of(one))
            got = [subscriber for group in groups for subscriber in group.subscribers]
            assert len(got) == len(set(got))
            assert set(got) == expected
            assert expected == {each for each, filters in present.items() if Condition(filters).fits(one)}
    for subscriber, filters in present.items():
        audience.remove(filters, subscriber)
    assert len(audience) == 0
    assert not list(audience.groups_of(entry(rows[0])))


def test_the_amendment_of_a_row_that_is_gone_goes_to_those_who_ask_for_everything() -> None:
    amendment = amendment_entry(1, 1, {"event_id": "e"}, None)
    everything = Condition(Filters())
    assert everything.fits(amendment)
    for filters in (Filters(user_email="a"), Filters(tag="a"), Filters(q="ab"), Filters(result_status="success")):
        assert not Condition(filters).fits(amendment)
