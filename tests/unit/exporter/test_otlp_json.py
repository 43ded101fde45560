"""OTLP/JSON: the same request as in protobuf."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, Literal

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prelude_exporter.decoding.decode import Decoder
from prelude_exporter.decoding.otlp_json import to_protobuf
from prelude_exporter.errors import MalformedRequestError


def logs(record: Any) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def attribute(value: Any) -> Any:
    record = logs({"attributes": [{"key": "k", "value": value}]})
    request = ExportLogsServiceRequest.FromString(to_protobuf("logs", record))
    return request.resource_logs[0].scope_logs[0].log_records[0].attributes[0].value


def test_every_field_of_a_log_request_is_carried() -> None:
    document = {
        "resourceLogs": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "crm"}}],
                    "droppedAttributesCount": 1,
                },
                "scopeLogs": [
                    {
                        "scope": {"name": "n", "version": "v", "attributes": [], "droppedAttributesCount": 2},
                        "logRecords": [
                            {
                                "timeUnixNano": "1544712660300000000",
                                "observedTimeUnixNano": 1544712660300000001,
                                "severityNumber": 10,
                                "severityText": "Information",
                                "traceId": "5B8EFFF798038103D269B633813FC60C",
                                "spanId": "EEE19B7EC3C1B174",
                                "flags": 1,
                                "droppedAttributesCount": 3,
                                "eventName": "prelude.crm.view_deal",
                                "body": {"stringValue": "Example"},
                                "attributes": [],
                            }
                        ],
                        "schemaUrl": "s",
                    }
                ],
                "schemaUrl": "r",
            }
        ]
    }
    request = ExportLogsServiceRequest.FromString(to_protobuf("logs", json.dumps(document).encode()))
    outer = request.resource_logs[0]
    scope = outer.scope_logs[0]
    record = scope.log_records[0]
    assert (outer.schema_url, scope.schema_url, scope.scope.name, scope.scope.version) == ("r", "s", "n", "v")
    assert (outer.resource.dropped_attributes_count, scope.scope.dropped_attributes_count) == (1, 2)
    assert outer.resource.attributes[0].value.string_value == "crm"
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (1544712660300000000, 1544712660300000001)
    assert (record.severity_number, record.severity_text, record.flags) == (10, "Information", 1)
    assert (record.trace_id.hex(), record.span_id.hex()) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert (record.event_name, record.body.string_value) == ("prelude.crm.view_deal", "Example")


def test_every_field_of_a_trace_request_is_carried() -> None:
    span = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "EEE19B7EC3C1B173",
        "traceState": "a=b",
        "name": "I'm a server span",
        "kind": "SPAN_KIND_SERVER",
        "flags": 257,
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "attributes": [],
        "events": [{"timeUnixNano": "7", "name": "e", "attributes": [], "droppedAttributesCount": 1}],
        "links": [{"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "attributes": []}],
        "status": {"message": "m", "code": 2},
    }
    document = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}
    request = ExportTraceServiceRequest.FromString(to_protobuf("traces", json.dumps(document).encode()))
    made = request.resource_spans[0].scope_spans[0].spans[0]
    assert (made.name, made.trace_state, made.flags, made.status.code) == ("I'm a server span", "a=b", 257, 2)
    assert made.end_time_unix_nano - made.start_time_unix_nano == 1_000_000_000
    assert (made.events[0].name, made.events[0].time_unix_nano) == ("e", 7)
    assert made.links[0].span_id == made.span_id


def test_values_of_every_kind() -> None:
    assert attribute({"stringValue": "é"}).string_value == "é"
    assert attribute({"boolValue": True}).bool_value is True
    assert attribute({"intValue": "-9223372036854775808"}).int_value == -(2**63)
    assert attribute({"intValue": 5}).int_value == 5
    assert attribute({"doubleValue": 1}).double_value == 1.0
    assert attribute({"doubleValue": "-Infinity"}).double_value == float("-inf")
    assert attribute({"bytesValue": b64encode(b"\x00\xff").decode()}).bytes_value == b"\x00\xff"
    assert attribute({"arrayValue": {"values": [{"intValue": 1}]}}).array_value.values[0].int_value == 1
    assert attribute({"kvlistValue": {"values": [{"key": "a"}]}}).kvlist_value.values[0].key == "a"
    assert attribute({}).WhichOneof("value") is None
    assert attribute({"stringValue": None}).WhichOneof("value") is None


def test_a_lone_surrogate_is_carried_to_where_it_is_mended() -> None:
    record = {
        "eventName": "prelude.chat.x",
        "timeUnixNano": 1,
        "attributes": [{"key": "session.id", "value": {"stringValue": "\ud800s"}}],
    }
    (row,) = Decoder().logs(to_protobuf("logs", logs(record))).rows
    assert (row.session_id, row.result_data) == ("�s", '{"mended":{"session_id":"was no UTF-8"}}')


def test_unknown_fields_and_nulls_are_passed_over() -> None:
    body = b'{"resourceLogs": [{"future": {"x": [1]}, "scopeLogs": null}], "other": 1}'
    assert len(ExportLogsServiceRequest.FromString(to_protobuf("logs", body)).resource_logs) == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", r"\$: expected an object"),
        (logs([]), r"logRecords\[0\]: expected an object"),
        (logs({"traceId": "xyz"}), "traceId: expected hexadecimal"),
        (logs({"timeUnixNano": "soon"}), "timeUnixNano: expected an integer"),
        (logs({"timeUnixNano": -1}), "unsigned integer of 64 bits"),
        (logs({"eventName": 5}), "eventName: expected a string"),
        (logs({"attributes": {}}), "attributes: expected an array"),
        (logs({"attributes": [{"value": {"intValue": "9223372036854775808"}}]}), "integer of 64 bits"),
        (logs({"attributes": [{"value": {"boolValue": "yes"}}]}), "boolValue: expected true or false"),
        (logs({"attributes": [{"value": {"doubleValue": "much"}}]}), "doubleValue: expected a number"),
        (logs({"attributes": [{"value": {"bytesValue": "*"}}]}), "bytesValue: expected base64"),
        (b'{"resourceLogs":' + b"[" * 100_000, "nested too deep|no JSON"),
    ],
)
def test_what_is_no_otlp_json_says_where(body: bytes, where: str) -> None:
    signal: Literal["logs"] = "logs"
    with pytest.raises(MalformedRequestError, match=where):
        to_protobuf(signal, body)
