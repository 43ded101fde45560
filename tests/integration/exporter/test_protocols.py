"""Every way that OTLP comes in by, with real clients, and what each is answered."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from tests.integration.exporter.conftest import TIME_NS, Exporter, activity, logs, span_of, traces

Start = Callable[..., Exporter]
Query = Callable[..., list[tuple[Any, ...]]]
COUNT = "SELECT count(*) FROM user_activity_logs"


def test_grpc_answers_when_the_row_is_committed(exporter: Exporter, query: Query) -> None:
    assert exporter.call(logs(activity())) == b""
    assert query("SELECT user_email, action_name, entity_id, duration_ms, service_name FROM user_activity_logs") == [
        ("user@company.com", "create_deal", "1", 12, "crm-service")
    ]


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpc_takes_compressed_requests(exporter: Exporter, query: Query, compression: grpc.Compression) -> None:
    exporter.call(logs(*map(activity, range(1, 101))), compression=compression)
    assert query(COUNT) == [(100,)]


def test_grpc_takes_requests_above_its_own_default_of_4_mib(exporter: Exporter, query: Query) -> None:
    exporter.call(logs(*(activity(number, prelude__page__url="/" + "x" * 1900) for number in range(1, 3001))))
    assert query(COUNT) == [(3000,)]


def test_http_protobuf_answers_when_the_row_is_committed(exporter: Exporter, query: Query) -> None:
    answer = exporter.post(logs(activity()))
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/x-protobuf", b"")
    assert query(COUNT) == [(1,)]


def test_http_gzip(exporter: Exporter, query: Query) -> None:
    assert exporter.post(gzip.compress(logs(activity())), content_encoding="gzip").status == 200
    assert query(COUNT) == [(1,)]


def test_http_json_has_hexadecimal_ids_and_integers_in_quotes(exporter: Exporter, query: Query) -> None:
    record = {
        "timeUnixNano": str(TIME_NS),
        "eventName": "prelude.crm.view_customer",
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "severityNumber": 9,
        "unheardOf": {"of": ["any", "shape"]},
        "attributes": [
            {"key": "prelude.entity.id", "value": {"stringValue": "123"}},
            {"key": "prelude.span.duration_ns", "value": {"intValue": "5500000"}},
        ],
    }
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    answer = exporter.post(json.dumps(body).encode(), content_type="application/json; charset=utf-8")
    assert (answer.status, answer.headers["content-type"], json.loads(answer.body)) == (200, "application/json", {})
    assert query("SELECT trace_id, span_id, duration_ms, action_data FROM user_activity_logs") == [
        ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", 6, {"customer_id": 123})
    ]


def test_traces_are_taken_by_both_protocols(exporter: Exporter, query: Query) -> None:
    exporter.call(traces(span_of(1, 1_000_000)), "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    assert exporter.post(traces(span_of(2, 1_000_000)), "/v1/traces").status == 200
    assert query("SELECT count(*) FROM span_joins") == [(2,)]


def test_malformed_protobuf_is_400_with_a_status_and_invalid_argument(exporter: Exporter) -> None:
    answer = exporter.post(b"\xff\xff")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/x-protobuf")
    assert Status.FromString(answer.body).message.startswith("these 2 bytes are no OTLP request")
    with pytest.raises(grpc.RpcError) as refused:
        exporter.call(b"\xff\xff")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"content_type": "application/json"}, 400),
        (b'{"resourceLogs": 1}', {"content_type": "application/json"}, 400),
        (b"[" * 100_000, {"content_type": "application/json"}, 400),
        (b"no gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], {"content_encoding": "gzip"}, 400),
        (b"", {"content_type": "text/plain"}, 415),
        (b"", {"content_encoding": "br"}, 415),
        pytest.param(gzip.compress(bytes(70 * 1024 * 1024)), {"content_encoding": "gzip"}, 413, id="70 MiB of zeros"),
    ],
)
def test_what_can_never_be_taken_is_refused_for_good(
    exporter: Exporter, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert exporter.post(body, **headers).status == status


def test_json_errors_are_answered_in_json(exporter: Exporter) -> None:
    answer = exporter.post(b'{"resourceLogs": [{"scopeLogs": {}}]}', content_type="application/json")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert json.loads(answer.body)["message"].startswith("$.resourceLogs[0].scopeLogs: expected an array")


def test_only_post_is_allowed_and_other_paths_are_not_there(exporter: Exporter) -> None:
    answer = exporter.get("/v1/logs")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert exporter.get("/v1/metrics").status == 404
    assert exporter.post(b"", "/readyz").status == 405


def test_ordinary_logs_are_passed_over_and_counted(start: Start, database: str, query: Query) -> None:
    exporter = start(database)
    ordinary = activity()
    ordinary.event_name = "db.query"
    ordinary.ClearField("attributes")
    assert exporter.post(logs(ordinary)).status == 200
    assert query(COUNT) == [(0,)]
    assert b'prelude_exporter_records_total{outcome="passed_over",signal="logs"} 1.0' in exporter.get("/metrics").body


def test_an_empty_request_is_a_success(exporter: Exporter) -> None:
    assert exporter.post(b"").status == 200


def test_a_quarantined_record_is_named_in_a_warning_but_not_rejected(exporter: Exporter) -> None:
    response = ExportLogsServiceResponse.FromString(exporter.call(logs(activity(prelude__result__status="perhaps"))))
    assert response.partial_success.rejected_log_records == 0
    assert response.partial_success.error_message == "records in activity_quarantine: 1 unknown_status"


def test_healthz_readyz_and_metrics(start: Start, database: str) -> None:
    exporter = start(database)
    exporter.post(logs(activity()))
    assert exporter.get("/healthz").status == 200
    ready = exporter.get("/readyz")
    assert (ready.status, json.loads(ready.body)) == (200, {"ready": True, "why_not": None})
    metrics = exporter.get("/metrics")
    assert b'prelude_exporter_rows_total{outcome="inserted"} 1.0' in metrics.body
    assert b"prelude_exporter_ready 1.0" in metrics.body
    assert b"company.com" not in metrics.body
