"""Whatever one sender puts into OTLP costs nobody else anything: each poison between two neighbours, by each way in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.integration.exporter.conftest import TIME_NS, Exporter, activity, logs
from tests.integration.exporter.test_any_request import as_json
from tests.support.otlp import field, nested_attribute, request_of_bytes

Query = Callable[..., list[tuple[Any, ...]]]

QUERY_6 = """
SELECT DATE(timestamp), SUM(CASE WHEN action_name = 'create_deal' THEN CAST(action_data->>'value_usd' AS NUMERIC) ELSE 0 END)
FROM user_activity_logs WHERE action_type = 'crm' GROUP BY DATE(timestamp)
"""
RANDOMLY_LONG = "".join(chr(0x4E00 + (index * 7919) % 20000) for index in range(20_000))


def deal(**data: Any) -> dict[str, Any]:
    return {"prelude__action__data": {"deal_name": "D"} | data}


# Attributes of the poisoned record, and where it ends: in the row, mended or with rejected fields, as it is, or the reason.
POISONS: dict[str, tuple[dict[str, Any], str]] = {
    "NUL in a text": ({"user_agent__original": "a\0b"}, "mended"),
    "NUL in data": (deal(own="a\0b"), "mended"),
    "NUL in a key": (deal(**{"a\0b": 1}), "mended"),
    "NUL in a tag": ({"prelude__tags": ["a\0"]}, "mended"),
    "NUL alone": ({"session__id": "\0"}, "mended"),
    "a backslash u0000 in JSON text": ({"prelude__action__data": '{"deal_name":"\\u0000"}'}, "mended"),
    "a lone surrogate in JSON text": ({"prelude__action__data": '{"deal_name":"\\ud800"}'}, "mended"),
    "NaN": (deal(value_usd=float("nan")), "rejected"),
    "Infinity": (deal(own=float("inf")), "rejected"),
    "NaN in a list": (deal(own=[float("nan")]), "mended"),
    "an integer of 300 digits": ({"prelude__action__data": '{"deal_name":"D","value_usd":1' + "0" * 400 + "}"}, "rejected"),
    "an exponent beyond all": ({"prelude__action__data": '{"deal_name":"D","own":1e999999}'}, "rejected"),
    "the smallest number": (deal(value_usd=5e-324), "as it is"),
    "the largest number": (deal(value_usd=1.7e308), "as it is"),
    "a text where a number belongs": (deal(value_usd="50,000"), "rejected"),
    "a boolean where a number belongs": (deal(value_usd=True), "rejected"),
    "a map where a number belongs": (deal(value_usd={"a": 1}), "rejected"),
    "a number where a text belongs": ({"session__id": 5}, "as it is"),
    "a map where a text belongs": ({"session__id": {"a": 1}}, "rejected"),
    "a text where a map belongs": ({"prelude__action__data": "no map"}, "rejected"),
    "a list where a map belongs": ({"prelude__action__data": [1]}, "rejected"),
    "a text where a length belongs": ({"prelude__span__duration_ns": "long"}, "rejected"),
    "a negative length": ({"prelude__span__duration_ns": -5}, "as it is"),
    "the longest length": ({"prelude__span__duration_ns": 2**63 - 1}, "as it is"),
    "a status of HTTP beyond all": ({"http__response__status_code": -(2**63)}, "as it is"),
    "60 levels in JSON text": ({"prelude__action__data": '{"deal_name":"D","own":' + "[" * 60 + "]" * 60 + "}"}, "mended"),
    "100,000 levels in JSON text": ({"prelude__action__data": '{"own":' * 100_000 + "1" + "}" * 100_000}, "rejected"),
    "a megabyte in a field": (deal(own="x" * 1_000_000), "mended"),
    "a megabyte in a key": (deal(**{"x" * 1_000_000: 1}), "mended"),
    "100,000 fields": (deal(**{f"field {number}": number for number in range(100_000)}), "mended"),
    "a megabyte in a text": ({"prelude__page__url": "é" * 500_000}, "mended"),
    "an address that no index takes": ({"user__email": RANDOMLY_LONG}, "mended"),
    "an id that no index takes": ({"prelude__entity__id": RANDOMLY_LONG, "prelude__entity__type": RANDOMLY_LONG}, "mended"),
    "a name that no index takes": ({"prelude__action__name": RANDOMLY_LONG}, "mended"),
    "10,000 tags": ({"prelude__tags": [str(number) for number in range(10_000)]}, "mended"),
    "a uid that is no UUID": ({"log__record__uid": "not-a-uuid"}, "as it is"),
    "an empty uid": ({"log__record__uid": ""}, "as it is"),
    "a uid of a megabyte": ({"log__record__uid": "x" * 1_000_000}, "as it is"),
    "a uid that is a map": ({"log__record__uid": {}}, "rejected"),
    "completes what is no UUID": ({"prelude__completes": "x"}, "as it is"),
    "COPY's own end": ({"session__id": "\\."}, "as it is"),
    "COPY's own NULL": ({"session__id": "\x7f", "user_agent__original": "\\N"}, "as it is"),
    "tabs and lines": ({"session__id": "a\tb\nc\r\\"}, "as it is"),
    "everything empty": (
        dict.fromkeys(["log__record__uid", "user__email", "session__id", "prelude__entity__type", "prelude__entity__id"], "")
        | {"prelude__action__data": {}, "prelude__result__status": ""}, "as it is",
    ),
    "an unknown type": ({"prelude__action__type": "gardening"}, "unknown_action_type"),
    "an unknown status": ({"prelude__result__status": "perhaps"}, "unknown_status"),
}  # fmt: skip


def poisoned(changes: dict[str, Any]) -> LogRecord:
    return activity(2, **changes)


def neighbours_of(record: LogRecord) -> bytes:
    return logs(activity(1), record, activity(3))


def assert_neighbours(query: Query) -> None:
    assert query("SELECT count(*) FROM user_activity_logs WHERE entity_id IN ('1', '3') AND result_data IS NULL") == [
        (2,)
    ]
    assert query(QUERY_6) != []


@pytest.mark.parametrize(("changes", "end"), POISONS.values(), ids=POISONS.keys())
def test_a_poison_lands_mended_or_in_quarantine_and_its_neighbours_land(
    exporter: Exporter, query: Query, changes: dict[str, Any], end: str
) -> None:
    request = neighbours_of(poisoned(changes))
    exporter.call(request)
    assert exporter.post(request).status == 200
    document = as_json(ExportLogsServiceRequest.FromString(request))
    assert exporter.post(document, content_type="application/json").status == 200
    assert_neighbours(query)
    rows = query(
        "SELECT result_data FROM user_activity_logs WHERE entity_id IS DISTINCT FROM '1' AND entity_id IS DISTINCT FROM '3'"
    )
    reasons = query("SELECT reason FROM activity_quarantine")
    if end in ("mended", "rejected", "as it is"):
        ((result,),) = rows  # once, however often and by whichever way it came
        assert reasons == []
        said = {"mended": "mended", "rejected": "rejected_fields"}.get(end)
        assert said in result if said else not {"mended", "rejected_fields"} & (result or {}).keys()
    else:
        assert (rows, reasons) == ([], [(end,)])


def raw(*fields: bytes) -> bytes:
    """The poisoned record in bytes: fields after those of a good one."""
    return activity(2).SerializeToString() + b"".join(fields)


def text(key: bytes, value: bytes) -> bytes:
    return field(6, field(1, key) + field(2, field(1, value)))


BYTES: dict[str, tuple[bytes, str]] = {
    "a text that is no UTF-8": (raw(text(b"user_agent.original", b"Mo\xff\xed\xa0\x80")), "mended"),
    "a key that is no UTF-8": (raw(text(b"\xff\xfe", b"x")), "as it is"),
    "an event name that is no UTF-8": (field(12, b"prelude.crm.\xff") + b"\x09" + TIME_NS.to_bytes(8, "little"), "mended"),
    "60 levels": (raw(field(6, field(1, b"prelude.action.data") + field(2, field(6, field(1, nested_attribute("own", 60)))))), "mended"),
    "5,000 levels": (raw(field(6, field(1, b"prelude.action.data") + field(2, field(6, field(1, nested_attribute("own", 5000)))))), "mended"),
    "5,000 levels where a text belongs": (raw(field(6, nested_attribute("session.id", 5000))), "rejected"),
    "an attribute that is torn": (raw(field(6, b"\x0a\xff")), "malformed_attribute"),
    "a value that is torn": (raw(field(6, field(1, b"session.id") + field(2, b"\x0a\xff"))), "malformed_attribute"),
    "an attribute without a value": (raw(field(6, field(1, b"session.id"))), "as it is"),
    "an attribute that is empty": (raw(field(6, b"")), "as it is"),
    "a field of a later version": (raw(b"\xfa\x3f\x03new"), "as it is"),
    "no time": (field(12, b"prelude.crm.create_deal"), "no_timestamp"),
    "a time beyond the calendar": (field(12, b"prelude.crm.create_deal") + b"\x09" + b"\xff" * 8, "timestamp_out_of_range"),
    "a time of 1970": (field(12, b"prelude.crm.create_deal") + b"\x09" + (1).to_bytes(8, "little"), "timestamp_out_of_range"),
    "a name that says no type": (field(12, b"prelude.x") + b"\x09" + TIME_NS.to_bytes(8, "little"), "no_action_name"),
    "a trace id of a wrong length": (raw(field(9, b"short")), "as it is"),
    "an empty record": (b"", "passed over"),
    "a probe without an id": (field(12, b"prelude.probe"), "bad_probe"),
}  # fmt: skip


@pytest.mark.parametrize(("poison", "end"), BYTES.values(), ids=BYTES.keys())
def test_poisoned_bytes_land_mended_or_in_quarantine_and_their_neighbours_land(
    exporter: Exporter, query: Query, poison: bytes, end: str
) -> None:
    request = request_of_bytes(activity(1).SerializeToString(), poison, activity(3).SerializeToString())
    exporter.call(request)
    assert exporter.post(request).status == 200
    assert_neighbours(query)
    rows = query(
        "SELECT result_data FROM user_activity_logs WHERE entity_id IS DISTINCT FROM '1' AND entity_id IS DISTINCT FROM '3'"
    )
    reasons = query("SELECT reason FROM activity_quarantine")
    if end in ("mended", "rejected", "as it is"):
        ((result,),) = rows
        assert reasons == []
        said = {"mended": "mended", "rejected": "rejected_fields"}.get(end)
        assert said in result if said else not {"mended", "rejected_fields"} & (result or {}).keys()
    else:
        assert (rows, reasons) == ([], [] if end == "passed over" else [(end,)])


@pytest.mark.parametrize("request_", [b"", request_of_bytes(), field(1, b""), field(1, field(2, b""))])
def test_an_empty_request_is_answered_with_success(exporter: Exporter, request_: bytes) -> None:
    assert exporter.call(request_) == b""
    assert exporter.post(request_).status == 200


def test_a_request_full_of_megabytes_lands_whole(exporter: Exporter, query: Query) -> None:
    records = [activity(number, **deal(own="x" * 250_000)) for number in range(1, 101)]
    exporter.call(logs(*records))
    assert query("SELECT count(*), min(length(action_data->>'own')) FROM user_activity_logs") == [(100, 250_000)]


def test_json_with_ids_and_numbers_of_wrong_form_is_refused_as_a_whole_and_says_where(exporter: Exporter) -> None:
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "no hexadecimal"}]}]}]}
    answer = exporter.post(json.dumps(document).encode(), content_type="application/json")
    assert answer.status == 400
    assert b"traceId" in answer.body
