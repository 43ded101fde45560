"""Whatever a request holds: no exception, every activity a row that PostgreSQL takes or an entry of the quarantine, the same each time.

`PRELUDE_TEST_EXAMPLES` and `PRELUDE_TEST_FUZZ_CASES` say how many; a million cases by one command: ``python -m tests.fuzz``.
"""

from __future__ import annotations

import asyncio
import os
import time
from base64 import b64decode
from collections import Counter
from types import SimpleNamespace
from typing import Any

import orjson
import psycopg
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from prelude_exporter.commits.group_commit import GroupCommit
from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_exporter.decoding.otlp_json import to_protobuf
from prelude_exporter.edge.intake import Intake
from prelude_exporter.sender import Sender
from prelude_exporter.watch.metrics import Metrics
from prelude_exporter.watch.readiness import Readiness
from prelude_store.batch import Batch
from prelude_store.quarantine.entries import Selection
from prelude_store.quarantine.reader import reader_of
from prelude_store.quarantine.replay import replay
from prelude_store.writer import Writer
from tests.fuzz.check import check
from tests.fuzz.run import run
from tests.integration.exporter.conftest import activity, logs
from tests.support.landed import assert_landed
from tests.support.postgres import as_role
from tests.unit.exporter.test_fast_equals_obvious import EVENTS, KEYS, any_values

EXAMPLES = int(os.environ.get("PRELUDE_TEST_EXAMPLES", "150"))
CASES = int(os.environ.get("PRELUDE_TEST_FUZZ_CASES", "2000"))
NOW_NS = time.time_ns() - 3_600_000_000_000

names = st.sampled_from(
    [*EVENTS, "prelude.chat.send", "prelude.gossip.x", "prelude.", "prelude.probe", "GET /", "", "prelude.crm.\0"]
)
times = st.one_of(st.integers(0, 1000).map(NOW_NS.__add__), st.sampled_from([0, 1, 2**63, 2**64 - 1]))
trace_ids = st.sampled_from([b"", bytes(16), bytes(range(16)), bytes(range(1, 17)), b"short"])
span_ids = st.sampled_from([b"", bytes(8), bytes(range(8)), bytes(range(1, 9)), b"more than eight"])
attributes = st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)), any_values(2), max_size=10).map(
    lambda values: [KeyValue(key=key, value=value) for key, value in values.items()]
)
records = st.builds(
    LogRecord, event_name=names, time_unix_nano=times, observed_time_unix_nano=times, trace_id=trace_ids, span_id=span_ids,
    attributes=attributes, body=st.one_of(st.none(), any_values(1)), severity_text=st.sampled_from(["", "INFO"]),
)  # fmt: skip
events = st.builds(Span.Event, name=names, time_unix_nano=times, attributes=attributes)
spans = st.builds(
    Span, name=names, trace_id=trace_ids, span_id=span_ids, start_time_unix_nano=times, end_time_unix_nano=times,
    attributes=attributes, events=st.lists(events, max_size=2),
)  # fmt: skip


def request_of(signal: str, resource: list[KeyValue], records: list[Any]) -> Any:
    if signal == "logs":
        logs = ExportLogsServiceRequest()
        outer = logs.resource_logs.add()
        outer.resource.attributes.extend(resource)
        outer.scope_logs.add().log_records.extend(records)
        return logs
    traces = ExportTraceServiceRequest()
    inner = traces.resource_spans.add()
    inner.resource.attributes.extend(resource)
    inner.scope_spans.add().spans.extend(records)
    return traces


requests = st.one_of(
    st.builds(request_of, st.just("logs"), attributes, st.lists(records, max_size=3)),
    st.builds(request_of, st.just("traces"), attributes, st.lists(spans, max_size=3)),
)


def as_json(request: Any) -> bytes:
    """OTLP/JSON of `request`: ids in hexadecimal where protobuf's own mapping has base64 (OTLP spec)."""

    def with_ids(value: Any) -> Any:
        if isinstance(value, list):
            return [with_ids(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: b64decode(inner).hex() if key in ("traceId", "spanId", "parentSpanId") else with_ids(inner)
            for key, inner in value.items()
        }

    return orjson.dumps(with_ids(MessageToDict(request)))


@pytest.mark.timeout(600)
def test_any_request_becomes_rows_and_entries_and_the_database_holds_just_them(database: str) -> None:
    decoder, other, union = Decoder(), Decoder(), Batch()
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(requests)
    def holds(request: Any) -> None:
        signal = "logs" if isinstance(request, ExportLogsServiceRequest) else "traces"
        decoded = check(signal, request.SerializeToString(), decoder, other, closely=True)
        assert decoded is not None
        by_json = to_protobuf(signal, as_json(request))  # type: ignore[arg-type]
        assert (decoder.logs(by_json) if signal == "logs" else decoder.traces(by_json)).rows == decoded.rows
        _add(union, decoded)
        seen.update(row=len(decoded.rows), entry=len(decoded.quarantined), passed_over=decoded.passed_over)

    holds()
    assert min(seen["row"], seen["entry"], seen["passed_over"]) > 0
    writer = Writer(as_role(database, "writer"))
    result = writer.write(union)
    writer.close()
    with psycopg.connect(database, autocommit=True) as connection:
        refused = connection.execute(
            "SELECT detail FROM activity_quarantine WHERE reason IN ('refused_by_database', 'mapping_failed')"
        ).fetchall()
        assert refused == []
        latest_us = (NOW_NS + 86_400_000_000_000) // 1000
        fitting = [row for row in union.rows if NOW_NS // 1000 <= row.timestamp_us < latest_us]
        assert_landed(connection, fitting)
        assert result.inserted + result.duplicates + result.conflicts == len(fitting)


def _add(union: Batch, decoded: Decoded) -> None:
    union.rows += decoded.rows
    union.spans += decoded.spans
    union.probes += decoded.probes
    union.quarantined += decoded.quarantined


def test_a_request_that_a_fault_of_ours_can_not_decode_is_kept_as_a_whole_and_replayed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered 503 it would come again for ever, and hold up all that is behind it."""
    request = logs(activity(1), activity(2))

    def broken(*_arguments: Any) -> Decoded:
        raise ZeroDivisionError("a fault of ours")

    async def accept() -> Decoded:
        readiness = Readiness()
        commits = GroupCommit(lambda: Writer(as_role(database, "writer")), Metrics(readiness), threads=1)
        intake = Intake(commits, Metrics(readiness), readiness, waiting_bytes=10**6, wait=10)
        intake._decoder = SimpleNamespace(logs=broken)  # type: ignore[assignment]
        try:
            return await intake.accept("logs", request, Sender("127.0.0.1"))
        finally:
            await asyncio.to_thread(commits.close, 5)

    (entry,) = asyncio.run(accept()).quarantined
    assert (entry.reason, entry.payload) == ("mapping_failed", request)
    with psycopg.connect(database, autocommit=True) as connection:
        assert connection.execute("SELECT payload FROM activity_quarantine").fetchall() == [(request,)]
        writer = Writer(database)
        outcome = replay(connection, writer, reader_of(), Selection())
        writer.close()
        assert connection.execute("SELECT count(*) FROM user_activity_logs").fetchall() == [(2,)]
    assert (outcome.rows, outcome.stayed) == (1, Counter())


@pytest.mark.timeout(600)
def test_mutated_requests_become_rows_and_entries_and_the_database_holds_just_them(database: str) -> None:
    report = run(0, CASES, database, write_every=2)
    assert report.cases == CASES
    assert min(report.malformed, report.rows, report.written, len(report.reasons)) > 5
