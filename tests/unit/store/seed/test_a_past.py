"""A made-up past: valid under the catalogue, as the exporter would write it, believable, and the same for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from prelude_exporter.decoding.decode import Decoder
from prelude_otel.catalogue import builtin, conform, page_url
from prelude_otel.contract import attributes as names
from prelude_store.row import ActivityRow
from prelude_store.seed.kinds import catalogue
from prelude_store.seed.make import make
from prelude_store.seed.people import users
from prelude_store.seed.plan import Past, past
from tests.support.otlp import attributes

UNTIL = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
ROWS, DAYS = 24_000, 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def whole() -> Past:
    return past(ROWS, DAYS, UNTIL, "test")


@cache
def rows() -> tuple[ActivityRow, ...]:
    return tuple(row for piece in whole().pieces() for row in make(whole(), piece))


def at(row: ActivityRow) -> datetime:
    return EPOCH + timedelta(microseconds=row.timestamp_us)


def data(row: ActivityRow) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(row.action_data or "{}")
    return given


def test_there_are_just_as_many_rows_as_asked_for_each_with_an_id_of_its_own_time() -> None:
    assert len(rows()) == ROWS
    assert len({row.event_id for row in rows()}) == ROWS
    for row in rows():
        assert UUID(row.event_id).version == 7
        assert UUID(row.event_id).int >> 80 == row.timestamp_us // 1000
        assert UNTIL - timedelta(days=DAYS) <= at(row) < UNTIL


def test_the_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    again, other = past(ROWS, DAYS, UNTIL, "test"), past(ROWS, DAYS, UNTIL, "other")
    piece, unlike = again.pieces()[30], other.pieces()[30]
    made = make(again, piece)
    first = next(place for place, row in enumerate(rows()) if row.event_id == made[0].event_id)
    assert tuple(made) == rows()[first : first + len(made)]
    assert {row.event_id for row in make(other, unlike)}.isdisjoint(row.event_id for row in rows())


def test_every_row_is_as_its_declaration_says() -> None:
    for row in rows():
        activity = catalogue().resolve(f"{row.action_type}.{row.action_name}")
        assert (row.action_category, row.entity_type, row.page_route) == (
            activity.category,
            activity.entity,
            activity.page,
        )
        assert conform(activity, data(row), row.entity_id) == (data(row), {})
        assert set(data(row)) <= set(activity.fields)
        assert (row.personal_paths or ()) == activity.personal
        if activity.page is not None and "file" not in row.action_name:
            filled = page_url(activity.page, {**data(row), activity.entity_id or "": row.entity_id})
            assert row.page_url is not None or row.result_data is not None
            assert filled is None or filled == row.page_url


def test_all_eighteen_activities_and_all_statuses_are_in_it() -> None:
    seen = {f"{row.action_type}.{row.action_name}" for row in rows()}
    assert {activity.key for activity in builtin()} <= seen
    assert {row.result_status for row in rows()} == {"success", "error", "pending", "timeout"}
    assert len({row.action_type for row in rows()}) == 11


def record_of(row: ActivityRow) -> LogRecord:
    """The activity as an emitter sends it."""
    result = json.loads(row.result_data or "{}")
    values = {
        names.LOG_RECORD_UID: row.event_id,
        names.ACTION_TYPE: row.action_type,
        names.ACTION_NAME: row.action_name,
        names.ACTION_CATEGORY: row.action_category,
        names.ENTITY_TYPE: row.entity_type,
        names.ENTITY_ID: row.entity_id,
        names.USER_EMAIL: row.user_email,
        names.SESSION_ID: row.session_id,
        names.PAGE_URL: row.page_url,
        names.PAGE_ROUTE: row.page_route,
        names.USER_AGENT: row.user_agent,
        names.CLIENT_ADDRESS: row.ip_address,
        names.ACTION_DATA: data(row) or None,
        names.RESULT_STATUS: row.result_status,
        names.ERROR_TYPE: result.get("error_type"),
        names.HTTP_STATUS: result.get("http_status"),
        names.HANDLER_RAN: result.get("handler_ran"),
        names.TAGS: row.tags,
        names.COMPLETES: row.completes_event_id,
        names.PERSONAL: row.personal_paths,
        names.SPAN_DURATION_NS: None if row.duration_ms is None else row.duration_ms * 1_000_000,
        names.SPAN_JOIN: False if row.duration_ms is None else None,
    }
    return LogRecord(
        event_name=f"prelude.{row.action_type}.{row.action_name}",
        time_unix_nano=row.timestamp_us * 1000,
        attributes=attributes({name: value for name, value in values.items() if value is not None}),
        trace_id=bytes.fromhex(row.trace_id or ""),
        span_id=bytes.fromhex(row.span_id or ""),
    )


def test_the_exporter_makes_the_very_same_rows_of_the_same_activities() -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    chosen = [*rows()[::40], *(row for row in rows() if row.completes_event_id)][:1000]
    for service in {row.service_name for row in chosen}:
        request = ExportLogsServiceRequest()
        outer = request.resource_logs.add()
        outer.resource.attributes.extend(attributes({"service.name": service}))
        expected = [row for row in chosen if row.service_name == service]
        outer.scope_logs.add().log_records.extend(record_of(row) for row in expected)
        decoded = Decoder().logs(request.SerializeToString())
        assert decoded.quarantined == []
        assert decoded.rows == expected


def test_people_work_by_day_and_seldom_on_weekends() -> None:
    by_weekday = Counter(at(row).weekday() for row in rows())
    assert by_weekday[5] + by_weekday[6] < by_weekday[1] / 2
    berlin = {user.email for user in whole().people if user.zone == 0}
    by_hour = Counter(at(row).hour for row in rows() if row.user_email in berlin)
    assert by_hour[9] > 10 * max(by_hour[2], 1)


def test_sessions_take_some_minutes_and_hold_several_actions() -> None:
    sessions: dict[str, list[ActivityRow]] = {}
    for row in rows():
        if row.session_id is not None:
            sessions.setdefault(row.session_id, []).append(row)
    lengths = sorted(max(each).timestamp_us - min(each).timestamp_us for each in sessions.values())
    assert 60_000_000 < lengths[len(lengths) // 2] < 1_800_000_000
    assert 5 < len(rows()) / len(sessions) < 20
    assert all(len({row.user_email for row in each} - {None}) <= 1 for each in sessions.values())
    assert any(row.session_id is None for row in rows())


def test_the_funnel_leaks_at_every_step() -> None:
    steps = ("search_customers", "view_customer", "create_deal", "send_email")
    sessions: dict[str | None, set[int]] = {}
    reached: Counter[int] = Counter()
    for row in rows():
        done = sessions.setdefault(row.session_id, set())
        for place, name in enumerate(steps):
            if row.action_name == name and (place == 0 or place - 1 in done):
                done.add(place)
    for session_id, done in sessions.items():
        if session_id is not None:
            reached.update(done)
    assert reached[0] > reached[1] > reached[2] > reached[3] > 0


def test_what_is_pending_is_mostly_ended_by_a_worker_later() -> None:
    pending = {row.event_id: row for row in rows() if row.result_status == "pending"}
    ends = [row for row in rows() if row.completes_event_id is not None]
    paired = [row for row in ends if row.completes_event_id in pending]
    assert len(paired) > 0.8 * len(pending)
    for end in paired:
        begun = pending[end.completes_event_id or ""]
        assert (end.timestamp_us, end.user_email, end.action_name) == (
            begun.timestamp_us,
            begun.user_email,
            begun.action_name,
        )
        assert (end.duration_ms or 0) > (begun.duration_ms or 0)


def test_two_hours_of_trouble_are_slow_and_full_of_errors() -> None:
    begins, ends = whole().incident
    assert ends - begins == 2 * 3600 * 1_000_000
    crm = [row for row in rows() if row.action_type == "crm"]
    during = [row for row in crm if begins <= row.timestamp_us < ends]
    usual = [row for row in crm if not begins <= row.timestamp_us < ends]
    assert bad_share(during) > 0.2
    assert bad_share(usual) < 0.05


def bad_share(given: list[ActivityRow]) -> float:
    return sum(row.result_status in ("error", "timeout") for row in given) / len(given)


def test_people_come_and_go_so_that_cohorts_mean_something() -> None:
    people = users(400, 90, "test")
    assert people[0].email == "user@company.com"
    assert len({user.email for user in people}) == 400
    assert 60 < sum(user.first_day >= 0 for user in people) < 180
    assert 20 < sum(user.last_day < 60 for user in people) < 200


@pytest.mark.parametrize(("count", "days"), [(1, 1), (7, 1), (500, 365)])
def test_a_past_may_be_as_small_or_as_thin_as_one_likes(count: int, days: int) -> None:
    small = past(count, days, UNTIL, "small", 3)
    assert sum(len(make(small, piece)) for piece in small.pieces()) == count
