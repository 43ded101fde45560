"""The filter of spans in collector-config.yaml, tried with real spans through the real Collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.collector import BUILD_TIMEOUT, RunningCollector, running_collector
from tests.support.otlp import attributes, log_record, post_logs, post_spans, python_value, span
from tests.support.sink import Sink, running_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT)

LAST = "prelude.last"


@pytest.fixture(scope="module")
def route(collector_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningCollector, Sink]]:
    with (
        running_collector(collector_program, tmp_path_factory.mktemp("filter")) as collector,
        running_sink(collector.exporter) as sink,
    ):
        yield collector, sink


def through(route: tuple[RunningCollector, Sink], *spans: Span) -> list[Span]:
    """What arrives of `spans`; a span that always passes is sent after them and shows that all is there."""
    collector, sink = route
    before = len(sink.spans)
    assert post_spans(collector.http, *spans) == 200
    assert post_spans(collector.http, span(LAST)) == 200
    sink.wait_for(lambda: any(each.name == LAST for each in sink.spans[before:]))
    return [each for each in sink.spans[before:] if each.name != LAST]


def event(name: str, **given: object) -> Span.Event:
    return Span.Event(
        name=name,
        time_unix_nano=7,
        attributes=attributes({key.replace("__", "."): value for key, value in given.items()}),
    )


def test_a_span_named_after_an_activity_passes(route: tuple[RunningCollector, Sink]) -> None:
    sent = span("prelude.crm.create_deal", number=2)
    assert through(route, sent) == [sent]


def test_a_span_with_an_attribute_of_ours_passes(route: tuple[RunningCollector, Sink]) -> None:
    sent = span("POST /crm/deals", number=3, http__route="/crm/deals", prelude__action__name="create_deal")
    assert through(route, sent) == [sent]


def test_a_span_around_an_activity_passes_with_all_its_events(route: tuple[RunningCollector, Sink]) -> None:
    sent = span(
        "handle",
        number=4,
        events=[event("cache.miss"), event("prelude.crm.view_deal", prelude__entity__id="7"), event("done")],
    )
    assert through(route, sent) == [sent]


def test_a_span_around_an_activity_whose_event_is_named_otherwise_passes(route: tuple[RunningCollector, Sink]) -> None:
    sent = span(
        "handle", number=5, events=[event("activity", prelude__action__type="crm", prelude__action__name="view_deal")]
    )
    assert through(route, sent) == [sent]


def test_the_filters_own_mark_does_not_travel_on(route: tuple[RunningCollector, Sink]) -> None:
    (arrived,) = through(route, span("handle", number=6, events=[event("prelude.crm.view_deal")]))
    assert list(arrived.attributes) == []


def test_spans_that_have_nothing_to_do_with_activities_end_in_the_collector(
    route: tuple[RunningCollector, Sink],
) -> None:
    others = [
        span("GET /", number=7),
        span("SELECT", number=8, db__system="postgresql"),
        span("preludes", number=9, my_prelude__x=1, preludex="y"),
        span("work", number=10, events=[event("exception", exception__type="ValueError"), event("my.prelude.event")]),
    ]
    assert through(route, *others) == []


def test_an_activity_among_many_other_spans_passes(route: tuple[RunningCollector, Sink]) -> None:
    wanted = span("handle", number=500, events=[event("prelude.crm.view_deal")])
    others = [span(f"query {number}", number=number) for number in range(100, 300)]
    assert through(route, *others[:100], wanted, *others[100:]) == [wanted]


def test_log_records_pass_as_they_are(route: tuple[RunningCollector, Sink]) -> None:
    collector, sink = route
    values = {"prelude.action.data": {"client_id": 123, "tags": ["a", "b"]}, "user.email": "user@company.com"}
    sent = [log_record("prelude.crm.create_deal", values), log_record("device.app.lifecycle", {"x": 1})]
    before = len(sink.records)
    assert post_logs(collector.http, *sent) == 200
    sink.wait_for(lambda: len(sink.records) == before + 2)
    assert sink.records[before:] == sent
    assert python_value(sink.records[before].attributes[0].value) == {"client_id": 123, "tags": ["a", "b"]}
