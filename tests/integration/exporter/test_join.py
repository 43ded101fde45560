"""`duration_ms` of records that bring none: span and record meet in PostgreSQL, whoever comes first and wherever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.exporter.conftest import LOGS, TIME_NS, TRACES, Exporter, activity, logs, span_of, traces
from tests.support.otlp import attributes

Query = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., Exporter]
DURATIONS = "SELECT duration_ms FROM user_activity_logs ORDER BY entity_id"


def waiting(number: int = 1, **changes: Any) -> Any:
    """An activity that does not know its length."""
    return activity(number, prelude__span__duration_ns=None, **changes)


def test_the_record_first(exporter: Exporter, query: Query) -> None:
    exporter.call(logs(waiting()))
    assert query(DURATIONS) == [(None,)]
    exporter.call(traces(span_of(1, 7_500_000)), TRACES)
    assert query(DURATIONS) == [(8,)]
    assert query("SELECT duration_ms FROM activity_amendments") == [(8,)]


def test_the_span_first(exporter: Exporter, query: Query) -> None:
    exporter.call(traces(span_of(1, 7_499_999)), TRACES)
    exporter.call(logs(waiting()))
    assert query(DURATIONS) == [(7,)]


@pytest.mark.parametrize("span_first", [True, False])
def test_with_a_restart_between(start: Start, database: str, query: Query, span_first: bool) -> None:
    halves = [(traces(span_of(1, 3_000_000)), TRACES), (logs(waiting()), LOGS)]
    for half in halves if span_first else reversed(halves):
        exporter = start(database)
        exporter.call(*half)
        assert exporter.stop()[0] == 0
    assert query(DURATIONS) == [(3,)]


@pytest.mark.parametrize("span_first", [True, False])
def test_across_two_exporters(start: Start, database: str, query: Query, span_first: bool) -> None:
    one, other = start(database), start(database)
    halves = [(traces(span_of(1, 3_000_000)), TRACES), (logs(waiting()), LOGS)]
    for exporter, half in zip((one, other), halves if span_first else halves[::-1], strict=True):
        exporter.call(*half)
    assert query(DURATIONS) == [(3,)]


def test_a_resend_of_either_half_changes_nothing(exporter: Exporter, query: Query) -> None:
    for _ in range(2):
        exporter.call(logs(waiting()))
        exporter.call(traces(span_of(1, 3_000_000)), TRACES)
    assert query(DURATIONS) == [(3,)]
    assert query("SELECT count(*) FROM activity_amendments") == [(1,)]


def test_a_measured_record_waits_for_nothing_sampled_or_not(exporter: Exporter, query: Query) -> None:
    unsampled = activity()
    unsampled.flags = 0
    exporter.call(logs(unsampled))
    assert query(DURATIONS) == [(12,)]
    assert query("SELECT count(*) FROM span_joins") == [(0,)]


def test_a_fact_without_duration_waits_for_nothing(exporter: Exporter, query: Query) -> None:
    exporter.call(logs(waiting(prelude__span__join=False)))
    assert query(DURATIONS) == [(None,)]
    assert query("SELECT count(*) FROM span_joins") == [(0,)]


def test_of_measured_spans_and_foreign_ones_nothing_is_kept(exporter: Exporter, query: Query) -> None:
    exporter.call(traces(span_of(1, 1, prelude__span__measured=True), span_of(2, 1, name="GET /crm/deals")), TRACES)
    assert query("SELECT count(*) FROM span_joins") == [(0,)]


def test_a_span_with_any_attribute_of_ours_is_kept(exporter: Exporter, query: Query) -> None:
    exporter.call(logs(waiting()))
    exporter.call(traces(span_of(1, 4_000_000, name="POST /crm/deals", prelude__action__type="crm")), TRACES)
    assert query(DURATIONS) == [(4,)]


def event_of(number: int, span: Span, **changes: Any) -> Span:
    """`span` with the same activity as `waiting(number)` as an event, its data as JSON text."""
    record = waiting(number, prelude__action__data='{"deal_name": "D", "value_usd": 5.0, "client_id": 1}', **changes)
    event = span.events.add(name=record.event_name, time_unix_nano=record.time_unix_nano)
    event.attributes.extend(record.attributes)
    return span


def test_a_span_event_becomes_a_row_with_the_length_of_the_span_around_it(exporter: Exporter, query: Query) -> None:
    span = event_of(1, span_of(1, 9_000_000, name="POST /crm/deals"))
    span.events.add(name="exception", time_unix_nano=TIME_NS, attributes=attributes({"exception.type": "ValueError"}))
    exporter.call(traces(span), TRACES)
    assert query("SELECT duration_ms, action_data, trace_id, service_name FROM user_activity_logs") == [
        (9, {"deal_name": "D", "value_usd": 5.0, "client_id": 1, "customer_id": 1}, f"{1:032x}", "crm-service")
    ]


def test_the_same_activity_as_record_and_as_span_event_is_one_row(exporter: Exporter, query: Query) -> None:
    data = {"deal_name": "D", "value_usd": 5.0, "client_id": 1}
    exporter.call(traces(event_of(1, span_of(1, 9_000_000))), TRACES)
    exporter.call(logs(waiting(1, prelude__action__data=data)))
    assert query(DURATIONS) == [(9,)]
    assert query("SELECT count(*) FROM activity_quarantine") == [(0,)]


def test_a_probe_lands_beside_the_log(exporter: Exporter, query: Query) -> None:
    probe = activity(prelude__probe__id="0192f0c1-2345-7abc-8def-000000000001")
    probe.event_name = "prelude.probe"
    exporter.call(logs(probe))
    assert query("SELECT probe_id::text, service_name FROM activity_probes") == [
        ("0192f0c1-2345-7abc-8def-000000000001", "crm-service")
    ]
    assert query(DURATIONS) == []
