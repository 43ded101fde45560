"""What the Collector has said yes to arrives: with the exporter away, with the Collector killed, in batches that gRPC servers take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.collector import BUILD_TIMEOUT, running_collector
from tests.support.otlp import log_record, post_logs, post_spans, span
from tests.support.sink import running_sink

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT)


def test_what_was_accepted_while_the_exporter_was_away_survives_a_killed_collector(
    collector_program: Path, tmp_path: Path
) -> None:
    with running_collector(collector_program, tmp_path) as first:
        for number in range(20):
            assert post_logs(first.http, log_record("prelude.crm.view_deal", {"prelude.entity.id": str(number)})) == 200
        assert post_spans(first.http, span("prelude.crm.view_deal")) == 200
        first.process.kill()
        first.process.wait()
    with running_collector(collector_program, tmp_path, exporter=first.exporter), running_sink(first.exporter) as sink:
        sink.wait_for(lambda: len(sink.records) >= 20 and len(sink.spans) >= 1)
        ids = {record.attributes[0].value.string_value for record in sink.records}
    assert ids == {str(number) for number in range(20)}


def test_a_refused_batch_is_sent_again_until_it_is_taken(collector_program: Path, tmp_path: Path) -> None:
    with running_collector(collector_program, tmp_path) as collector, running_sink(collector.exporter) as sink:
        sink.refusals = 2
        assert post_logs(collector.http, log_record("prelude.crm.view_deal", {})) == 200
        sink.wait_for(lambda: len(sink.records) == 1)
    assert sink.refused == 2


def test_large_records_travel_in_batches_that_a_grpc_server_takes_by_default(
    collector_program: Path, tmp_path: Path
) -> None:
    count, padding = 6_000, "x" * 2_400
    with running_collector(collector_program, tmp_path) as collector:
        for start in range(0, count, 1_000):
            records = [
                log_record("prelude.crm.view_deal", {"n": n, "padding": padding}) for n in range(start, start + 1_000)
            ]
            assert post_logs(collector.http, *records) == 200
        with running_sink(collector.exporter) as sink:
            sink.wait_for(lambda: len(sink.records) >= count)
    assert {record.attributes[0].value.int_value for record in sink.records} == set(range(count))
    assert len(sink.records) == count
    assert max(request.ByteSize() for request in sink.logs) <= 4 * 2**20
