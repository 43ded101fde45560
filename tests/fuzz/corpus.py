"""What is mutated: real requests, small and plain, of every kind of sender."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.ingest_load import requests
from prelude_exporter.decoding.otlp_json import to_protobuf
from tests.support.otlp import attributes, field, nested_attribute

__all__ = ["corpus", "json_corpus"]

Seed = tuple[str, bytes]
"""Signal and bytes."""

_NOW_NS = time.time_ns() // 3_600_000_000_000 * 3_600_000_000_000
_WIDE: dict[str, Any] = {
    "log.record.uid": "0192f0c1-2345-7abc-8def-000000000001", "user.email": "User@Company.com", "session.id": "é" * 210,
    "prelude.action.type": "crm", "prelude.action.name": "create_deal", "prelude.entity.type": "deal", "prelude.entity.id": 789,
    "prelude.page.url": "/crm/deals/789", "prelude.result.status": "error", "error.type": "ValueError",
    "http.response.status_code": 500, "prelude.handler.ran": False, "prelude.tags": ["vip", "a\tb", ""],
    "prelude.personal": ["action_data.to_email"], "prelude.completes": "not a uuid", "prelude.span.join": "true",
    "prelude.action.data": {"deal_name": "naïve ☃ \\ \t\n\x7f", "value_usd": "50,000", "client_id": 2**40, "n": [1.5, -1, {"x": None}]},
    "prelude.result.data": {"rejected_fields": {"x": 1}, "ok": True, "inf": float("inf")},
}  # fmt: skip


def corpus(count: int = 40) -> list[Seed]:
    """Requests of one to three records, always the same for one hour."""
    pick = random.Random(0)
    seeds: list[Seed] = [("logs", body) for body in requests(count // 2, pick.randint(1, 3), _NOW_NS, 0)]
    seeds += [("logs", body) for body in _logs()]
    seeds += [("traces", body) for body in _traces()]
    seeds += [(signal, to_protobuf(signal, body)) for signal, body in json_corpus()]
    return seeds


def json_corpus() -> list[tuple[Any, bytes]]:
    """The same by JSON."""
    record = {
        "eventName": "prelude.crm.create_deal", "timeUnixNano": str(_NOW_NS), "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174", "severityNumber": 9, "body": {"stringValue": "x"},
        "attributes": [
            {"key": "prelude.action.data", "value": {"kvlistValue": {"values": [
                {"key": "value_usd", "value": {"doubleValue": "NaN"}}, {"key": "b", "value": {"bytesValue": "AAEC"}},
                {"key": "l", "value": {"arrayValue": {"values": [{"intValue": "5"}, {"boolValue": True}, {}]}}}]}}},
            {"key": "user.email", "value": {"stringValue": "\ud800@x"}},
        ],
    }  # fmt: skip
    span = {
        "name": "prelude.crm.view_deal", "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
        "startTimeUnixNano": str(_NOW_NS), "endTimeUnixNano": str(_NOW_NS + 10**9),
        "events": [{"name": "prelude.crm.view_deal", "timeUnixNano": _NOW_NS, "attributes": record["attributes"]}],
    }  # fmt: skip
    return [
        ("logs", json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, record]}]}]}).encode()),
        ("traces", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()),
    ]


def _logs() -> Iterator[bytes]:
    for values in (_WIDE, {"prelude.action.data": json.dumps(_WIDE["prelude.result.data"])}, {}):
        request = ExportLogsServiceRequest()
        outer = request.resource_logs.add()
        outer.resource.attributes.extend(attributes({"service.name": "crm-service"}))
        record = LogRecord(event_name="prelude.crm.create_deal", time_unix_nano=_NOW_NS, trace_id=bytes(range(16)))
        record.attributes.extend(
            attributes({key: value for key, value in values.items() if key != "prelude.action.data"})
        )
        if "prelude.action.data" in values and isinstance(values["prelude.action.data"], dict):
            data = values["prelude.action.data"] | {"n": [1.5, -1]}
            record.attributes.extend(attributes({"prelude.action.data": data}))
        record.span_id = bytes(range(1, 9))
        outer.scope_logs.add().log_records.extend(
            [record, LogRecord(event_name="prelude.probe", time_unix_nano=_NOW_NS)]
        )
        yield request.SerializeToString()
        yield request.SerializeToString() + field(
            1, field(2, field(2, field(12, b"prelude.chat.x") + field(6, nested_attribute("d", 40))))
        )


def _traces() -> Iterator[bytes]:
    request = ExportTraceServiceRequest()
    outer = request.resource_spans.add()
    outer.resource.attributes.extend(attributes({"service.name": "crm-service"}))
    span = Span(
        name="prelude.crm.view_deal", trace_id=bytes(range(16)), span_id=bytes(range(8)),
        start_time_unix_nano=_NOW_NS, end_time_unix_nano=_NOW_NS + 41_500_000,
    )  # fmt: skip
    event = span.events.add(name="prelude.crm.view_deal", time_unix_nano=_NOW_NS)
    event.attributes.extend(attributes({"prelude.entity.id": "456", "prelude.action.data": '{"customer_id":123}'}))
    outer.scope_spans.add().spans.append(span)
    yield request.SerializeToString()
    span.attributes.extend(attributes({"prelude.span.measured": True}))
    outer.scope_spans[0].spans.append(span)
    yield request.SerializeToString()
