"""The Collector writes each message from its last field to its first: the value of an attribute before its key. All that is read
from bytes must be read from those as well.
"""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prelude_exporter.decoding.decode import Decoded, Decoder
from tests.integration.exporter.conftest import activity, logs, span_of, traces


def as_by_collector(message: Message) -> bytes:
    """`message` with its fields in falling order, in messages inside it, too."""
    parts = []
    for field, value in sorted(message.ListFields(), key=lambda each: -each[0].number):
        for each in value if field.is_repeated else [value]:
            lone: Any = type(message)()
            if isinstance(each, Message):
                content = as_by_collector(each)
                parts.append(_varint(field.number << 3 | 2) + _varint(len(content)) + content)
                continue
            if field.is_repeated:
                getattr(lone, field.name).append(each)
            else:
                setattr(lone, field.name, each)
            parts.append(lone.SerializeToString())
    return b"".join(parts)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def of_logs(request: bytes) -> tuple[Decoded, Decoded]:
    turned = as_by_collector(ExportLogsServiceRequest.FromString(request))
    assert turned != request
    assert ExportLogsServiceRequest.FromString(turned) == ExportLogsServiceRequest.FromString(request)
    return Decoder().logs(request), Decoder().logs(turned)


def of_traces(request: bytes) -> tuple[Decoded, Decoded]:
    turned = as_by_collector(ExportTraceServiceRequest.FromString(request))
    return Decoder().traces(request), Decoder().traces(turned)


def test_rows_are_the_same() -> None:
    straight, turned = of_logs(logs(*map(activity, range(1, 20))))
    assert straight.rows == turned.rows
    assert len(turned.rows) == 19


def test_a_poison_record_is_one_entry_of_the_quarantine() -> None:
    straight, turned = of_logs(logs(activity(1, prelude__result__status="perhaps")))
    assert straight.quarantined == turned.quarantined
    assert len(turned.quarantined) == 1


def test_an_activity_without_event_name_is_one() -> None:
    record = activity(1)
    record.event_name = ""
    straight, turned = of_logs(logs(record))
    assert straight.rows == turned.rows
    assert len(turned.rows) == 1


@pytest.mark.parametrize("name", ["prelude.crm.create_deal", "POST /deals"])
def test_a_span_that_a_record_waits_for_is_kept(name: str) -> None:
    straight, turned = of_traces(traces(span_of(1, 5_000_000, name, prelude__action__name="create_deal")))
    assert straight.spans == turned.spans
    assert len(turned.spans) == 1


def test_a_span_that_our_emitter_measured_is_passed_over() -> None:
    straight, turned = of_traces(traces(span_of(1, 5_000_000, prelude__span__measured=True)))
    assert straight.spans == turned.spans == []
    assert turned.spans_passed_over == 1


def test_a_span_that_only_has_such_a_value_is_passed_over() -> None:
    straight, turned = of_traces(traces(span_of(1, 5_000_000, "POST /deals", note="prelude.action.name")))
    assert straight.spans == turned.spans == []
