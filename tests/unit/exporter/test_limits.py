"""Requests above a limit: counted before they are parsed, and noted without letting a flood fill the quarantine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prelude_exporter.decoding import counting
from prelude_exporter.decoding.counting import check_count
from prelude_exporter.decoding.decode import Decoder
from prelude_exporter.edge import oversized
from prelude_exporter.edge.oversized import FIRST_BYTES, Oversized
from prelude_exporter.errors import TooLargeError
from prelude_exporter.limits import Limits
from prelude_exporter.sender import Sender
from tests.support.otlp import attributes
from tests.unit.exporter.conftest import record_of, request_of

SENDER = Sender("10.0.0.1")
shape = st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=4)


def logs_of(resources: list[list[int]]) -> tuple[bytes, int]:
    request, count = ExportLogsServiceRequest(), 0
    for scopes in resources:
        outer = request.resource_logs.add(schema_url="https://example.com")
        outer.resource.attributes.extend(attributes({"service.name": "x" * 200}))
        count += 1
        for records in scopes:
            inner = outer.scope_logs.add()
            inner.scope.name = "tests"
            count += 1 + records
            inner.log_records.extend(record_of({"prelude.action.data": {"a": "b" * 100}}) for _ in range(records))
    return request.SerializeToString(), count


def spans_of(resources: list[list[int]]) -> tuple[bytes, int]:
    request, count = ExportTraceServiceRequest(), 0
    for spans in resources:
        outer = request.resource_spans.add()
        inner = outer.scope_spans.add()
        count += 2
        for events in spans:
            span = inner.spans.add(name="x" * 200, start_time_unix_nano=1)
            span.links.add()
            count += 1 + events
            for _ in range(events):
                span.events.add(name="y", time_unix_nano=5)
    return request.SerializeToString(), count


@given(shape)
def test_the_count_of_a_request_is_that_of_its_messages(resources: list[list[int]]) -> None:
    for signal, (request, count) in (("logs", logs_of(resources)), ("traces", spans_of(resources))):
        levels = counting._LEVELS[signal]
        assert counting._count(request, 0, len(request), levels, 10_000) == 10_000 - count


@given(st.binary(max_size=200))
def test_counting_never_fails(request: bytes) -> None:
    for most in (0, 1, 1000):
        try:
            check_count("logs", request, most)
        except TooLargeError:
            assert most < len(request)


def test_empty_records_do_not_get_as_far_as_the_parser() -> None:
    records = b"\x12\x00" * 400_000
    scope = b"\x12" + varint(len(records)) + records
    request = b"\x0a" + varint(len(scope)) + scope
    with pytest.raises(TooLargeError, match="more than 100000 records"):
        Decoder(max_records=100_000).logs(request)
    tag_the_long_way = request.replace(b"\x12\x00", b"\x92\x00\x00")
    assert len(tag_the_long_way) > len(request)
    assert len(Decoder(max_records=100_000).logs(request_of(*[record_of()] * 50)).rows) == 50


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def test_a_tag_written_the_long_way_counts_as_well() -> None:
    records = b"\x92\x00\x00" * 10
    scope = b"\x12" + varint(len(records)) + records
    with pytest.raises(TooLargeError):
        check_count("logs", b"\x8a\x00" + varint(len(scope)) + scope, 11)


def test_a_request_is_noted_once_however_often_it_comes() -> None:
    notes = Oversized()
    first = notes.note("logs", SENDER, "too large", b"a" * 10_000)
    assert first is not None
    (entry,) = first.quarantined
    assert (entry.signal, entry.reason, entry.payload) == ("logs", "request_too_large", b"a" * FIRST_BYTES)
    assert entry.detail == "too large; it came from 10.0.0.1; the payload is its first 4096 bytes"
    assert notes.note("logs", SENDER, "too large", b"a" * 10_000) is not None  # the first was not committed
    notes.noted(b"a" * 10_000)
    assert notes.note("logs", SENDER, "too large", b"a" * 20_000) is None
    assert notes.note("logs", SENDER, "too large", b"b") is not None


def test_a_flood_leaves_few_notes_and_time_allows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Oversized()
    made = [notes.note("logs", SENDER, "too large", str(number).encode()) for number in range(1000)]
    assert sum(note is not None for note in made) == 20
    notes._since -= 600
    made = [notes.note("logs", SENDER, "too large", str(number).encode()) for number in range(2000, 3000)]
    assert sum(note is not None for note in made) == 10
    for number in range(1000):
        notes.noted(str(number).encode())
    assert len(notes._known) == oversized._REMEMBERED


def test_the_hard_limit_stays_within_what_grpc_counts() -> None:
    assert Limits(request_bytes=100).hard_bytes == 200
    assert Limits(request_bytes=2**30).hard_bytes == 2**31 - 1
