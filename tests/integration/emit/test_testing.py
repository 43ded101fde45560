"""The helpers for tests of services."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import prelude_otel
from prelude_otel import emit, record, set_user, state
from prelude_otel.testing import CapturedActivities, capture_activities


def make() -> list[tuple[str, datetime, int | None]]:
    """Two activities; ids, times and lengths."""
    with capture_activities() as activities:
        with record("crm.send_email"):
            pass
        emit("crm.delete_deal", deal_id=1)
    return [(event.event_id, event.timestamp, event.duration_ms) for event in activities]


def test_ids_and_times_are_the_same_each_time() -> None:
    assert make() == make()
    assert make()[0][1] == datetime(2026, 1, 1, tzinfo=UTC)


def test_start_and_seed_can_be_chosen() -> None:
    start = datetime(2030, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    with capture_activities(start=start, seed=1) as activities:
        emit("crm.delete_deal", deal_id=1)
    assert activities[0].timestamp == start
    assert activities[0].event_id != make()[0][0]


def test_captures_nest_and_what_was_there_comes_back() -> None:
    prelude_otel.instrument(service_name="crm-service")
    before = state.runtime
    with capture_activities() as outer:
        emit("crm.delete_deal", deal_id=1)
        with capture_activities() as inner:
            emit("crm.delete_deal", deal_id=2)
        emit("crm.delete_deal", deal_id=3)
    assert state.runtime is before
    assert [event.entity_id for event in outer] == ["1", "3"]
    assert [event.entity_id for event in inner] == ["2"]
    assert prelude_otel.stats().emitted == 0


def test_the_workers_user_is_forgotten_at_the_end() -> None:
    with capture_activities():
        set_user("u@x.com")
    with capture_activities() as activities:
        emit("crm.delete_deal", deal_id=1)
    assert activities.only().user_email is None


def test_only_says_what_there_is() -> None:
    with capture_activities() as activities:
        with pytest.raises(AssertionError, match=r"expected one activity, got <activities: none>"):
            activities.only()
        emit("crm.delete_deal", deal_id=1)
        emit("crm.send_email", status="error")
        assert activities.only("crm.send_email").result_status == "error"
        assert activities.names == ["crm.delete_deal", "crm.send_email"]
        assert activities[:1] == [activities[0]]
        with pytest.raises(AssertionError, match=r"crm\.delete_deal success, crm\.send_email error"):
            activities.only()
        activities.clear()
        assert len(activities) == 0


def test_the_fixture_of_the_plugin_is_there(activities: CapturedActivities) -> None:
    emit("crm.delete_deal", deal_id=1)
    assert activities.only().entity_id == "1"
