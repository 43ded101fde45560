"""The metrics of a real exporter tell what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prelude_store.connection import connect
from prelude_store.gauges import measure
from prelude_store.native import native
from prelude_store.partitions import ensure_ahead
from tests.integration.exporter.conftest import TRACES, Exporter, activity, eventually, logs, span_of, traces
from tests.support.postgres import as_role

Query = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., Exporter]


class Seen:
    """The samples of one look at /metrics; sums over the labels that are not given."""

    def __init__(self, exporter: Exporter) -> None:
        text = exporter.get("/metrics").body.decode()
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == f"prelude_exporter_{name}" and labels.items() <= sample.labels.items()
        )

    def __len__(self) -> int:
        return len(self._samples)


def test_what_happened_is_counted(start: Start, database: str) -> None:
    exporter = start(database)
    at_rest = Seen(exporter)
    request = logs(activity(1), activity(2))
    exporter.call(request)
    exporter.post(request)
    exporter.call(logs(activity(1, user__email="else@company.com")))
    exporter.call(logs(activity(3, prelude__result__status="perhaps")))
    exporter.call(logs(activity(4, prelude__span__duration_ns=None)))
    exporter.call(traces(span_of(4, 5_000_000)), TRACES)
    assert exporter.post(b"no OTLP").status == 400
    seen = Seen(exporter)
    assert seen("requests_total", protocol="grpc", signal="logs", outcome="ok") == 4
    assert seen("requests_total", protocol="http", outcome="malformed") == 1
    assert seen("received_bytes_total", signal="logs") > 2 * len(request)
    assert seen("rows_total", outcome="inserted") == 3
    assert seen("rows_total", outcome="duplicate") == 2
    assert seen("rows_total", outcome="conflict") == 1
    assert seen("joined_rows_total") == 1
    assert seen("quarantined_records_total") == 2
    assert seen("quarantined_records_total", reason="content_conflict") == 1
    assert seen("quarantined_records_total", reason="unknown_status") == 1
    assert seen("quarantine_entries_total") == 2
    assert seen("commit_lag_seconds_count") == 6
    assert seen("commit_lag_seconds_bucket", le="30.0") == 0  # the activities of these tests are a minute old
    assert seen("request_duration_seconds_count") == 7
    assert seen("decode_duration_seconds_count", signal="traces") == 1
    assert seen("commit_duration_seconds_count") == 6
    assert seen("writers") == 2
    assert 1 <= seen("writers_connected") <= 2
    assert seen("writers_busy") == 0
    assert seen("writer_connects_total") == seen("writers_connected")
    assert seen("waiting_bytes_limit") == 64 * 1024 * 1024
    assert seen("build_info", decoder="python" if native().module is None else "native") == 1
    assert len(seen) == len(at_rest), "senders made a series"


def test_what_waits_in_the_database_is_looked_up(start: Start, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO span_joins (trace_id, span_id, duration_ms, event_ids, timestamps, since)"
            " SELECT repeat('a', 32), to_char(number, 'FM0000000000000000'), nullif(number % 3, 0),"
            " CASE WHEN number % 3 = 1 THEN '{}' ELSE ARRAY[gen_random_uuid()] END,"
            " CASE WHEN number % 3 = 1 THEN '{}' ELSE ARRAY[now()] END,"
            " now() - number * interval '1 second' FROM generate_series(1, 30) AS number"
        )
    exporter = start(database)
    # Ten wait for their span, ten for their record, and ten have met.
    seen = eventually(lambda: (seen := Seen(exporter))("partitions_ahead") and seen)
    assert seen("joins_pending", waiting="row") == 10
    assert seen("joins_pending", waiting="span") == 10
    assert 30 <= seen("joins_oldest_seconds") < 60
    assert seen("partitions_ahead") == 4
    assert abs(seen("database_clock_ahead_seconds")) < 1


def test_a_large_table_of_joins_is_estimated(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO span_joins (trace_id, span_id, duration_ms)"
            " SELECT repeat('a', 32), to_char(number, 'FM0000000000000000'), nullif(number % 4, 0)"
            " FROM generate_series(1, 200000) AS number"
        )
    with connect(as_role(database, "writer"), "test") as connection:
        ensure_ahead(connection)
        found = measure(connection)
    assert found.keys_waiting_for_span == pytest.approx(50_000, rel=0.2)
    assert found.partitions_ahead == 4


def test_a_connection_that_was_lost_is_counted_when_it_is_made_again(start: Start, database: str, query: Query) -> None:
    exporter = start(database, "--writers", "1")
    exporter.call(logs(activity(1)))
    query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prelude-exporter' AND datname = current_database()"
    )
    assert exporter.post(logs(activity(2))).status == 503
    lost = Seen(exporter)
    assert lost("commit_failures_total") == 1
    assert lost("writers_connected") == 0
    assert lost("requests_total", outcome="unavailable") == 1
    assert exporter.post(logs(activity(2))).status == 200
    assert Seen(exporter)("writer_connects_total") == 2
