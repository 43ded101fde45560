"""Whatever a request holds: the compiled decoder gives what the Python one gives, and keeps the usual to itself."""

from __future__ import annotations

import os
import time
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from bench.collector_order import as_the_collector_writes
from bench.ingest_load import requests
from prelude_exporter.decoding.decode import Decoder
from prelude_exporter.decoding.native_decode import NativeDecoder
from prelude_exporter.sender import Sender
from prelude_otel.contract import attributes as names
from tests.support.otlp import attributes
from tests.unit.exporter.conftest import NOW_NS, record_of, request_of
from tests.unit.exporter.mutate import mutated
from tests.unit.exporter.native import NATIVE, PYTHON, left_to_python, outcome, prelude_native
from tests.unit.exporter.test_fast_equals_obvious import any_values, records

CASES = int(os.environ.get("PRELUDE_FUZZ_CASES", "3000"))
SEED = int(os.environ.get("PRELUDE_FUZZ_SEED", "0"))
UID = "01890a5d-ac96-774b-bcce-b302099a8057"

OURS = next(requests(1, 40, NOW_NS, 1))
FULL: dict[str, Any] = {
    names.LOG_RECORD_UID: UID,
    names.ACTION_TYPE: "crm",
    names.ACTION_NAME: "update_deal",
    names.USER_EMAIL: " User@Company.com ",
    names.SESSION_ID: "session-1",
    names.CLIENT_ADDRESS: "203.0.113.7",
    names.USER_AGENT: "Mozilla/5.0 é",
    names.ENTITY_ID: 789,
    names.PAGE_URL: "/crm/deals/789",
    names.ACTION_DATA: {
        "updated_fields": {"stage": "won", "value_usd": 1.5, "none": [True, {"deep": [1, -2.25]}]},
        'quotes " and \\': "tab\tline\nbell\x07 € 😀",
    },
    names.RESULT_STATUS: "error",
    names.RESULT_DATA: {"id": 5, "error_type": "overridden", "z": {}},
    names.ERROR_TYPE: "ValueError",
    names.HTTP_STATUS: 500,
    names.HANDLER_RAN: False,
    names.SPAN_DURATION_NS: 1_499_999,
    names.TAGS: ["vip", "", 'a"b'],
    names.COMPLETES: UID.upper(),
    names.PERSONAL: ["action_data.to_email"],
    "code.function.name": "app.update",
}
SEEDS = [
    next(requests(1, 3, NOW_NS, 2)),
    request_of(record_of(FULL), record_of({**FULL, names.LOG_RECORD_UID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"})),
    request_of(
        record_of({names.LOG_RECORD_UID: UID, names.ENTITY_ID: "7"}, "prelude.crm.view_deal", severity_number=9)
    ),
    request_of(record_of({names.PROBE_ID: UID}, "prelude.probe"), record_of({"a": "b"}, "other"), record_of()),
]

SEEDS += list(map(as_the_collector_writes, SEEDS))


def assert_equal(request: bytes, sender: Sender | None = None) -> None:
    assert outcome(NATIVE, request, sender) == outcome(PYTHON, request, sender)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records, min_size=1, max_size=4), st.sampled_from([None, "crm-service", "", "é" * 150, "x" * 250]))
@example([LogRecord(event_name="prelude.crm.create_deal", time_unix_nano=1)], None)
def test_any_records(batch: list[LogRecord], service: str | None) -> None:
    assert_equal(request_of(*batch, service=service))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(sorted(FULL)), any_values(2), max_size=3), st.sets(st.sampled_from(sorted(FULL)))
)
def test_a_usual_record_with_some_attributes_changed_or_left_out(
    changed: dict[str, AnyValue], without: set[str]
) -> None:
    values = {name: value for name, value in FULL.items() if name not in without and name not in changed}
    record = record_of(values, "prelude.crm.update_deal")
    record.attributes.extend(KeyValue(key=name, value=value) for name, value in changed.items())
    assert_equal(request_of(record))


@settings(max_examples=500, deadline=None)
@given(st.floats(), st.floats(-1e6, 1e6), st.integers(-(2**63), 2**63 - 1), st.text(), st.text())
def test_numbers_and_texts_in_data(any_float: float, usual: float, number: int, key: str, text: str) -> None:
    data = {"any": any_float, "usual": [usual], "number": number, key: text}
    assert_equal(request_of(record_of({**FULL, names.ACTION_DATA: data, names.RESULT_DATA: data})))


def test_damaged_bytes() -> None:
    random = Random(SEED)
    started = time.monotonic()
    for case in range(CASES):
        request = random.choice(SEEDS)
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            request = mutated(request, random)
        assert outcome(NATIVE, request) == outcome(PYTHON, request), f"case {case} of seed {SEED}: {request.hex()}"
    print(f"{CASES} cases of seed {SEED}, {time.monotonic() - started:.0f} s")


def test_a_sender_that_may_not_speak_for_the_service() -> None:
    for services in (frozenset({"crm-service"}), frozenset({"other"}), frozenset[str](), None):
        assert_equal(OURS, Sender("127.0.0.1", "somebody", services))
        assert_equal(request_of(record_of(FULL), service=None), Sender("127.0.0.1", "somebody", services))


@pytest.mark.parametrize("most", [0, 41, 42, 43])
def test_a_request_with_too_many_records(most: int) -> None:
    few = Decoder(max_records=most), NativeDecoder(prelude_native, max_records=most)
    for request in (OURS, request_of(*[LogRecord()] * 40)):
        assert outcome(few[1], request) == outcome(few[0], request)


def test_our_own_records_are_all_decoded_natively() -> None:
    assert left_to_python(OURS) == 0
    assert_equal(OURS)


def test_what_comes_through_the_collector_is_decoded_natively_and_is_the_same() -> None:
    turned = as_the_collector_writes(OURS)
    assert turned != OURS
    assert ExportLogsServiceRequest.FromString(turned) == ExportLogsServiceRequest.FromString(OURS)
    assert left_to_python(turned) == 0
    assert_equal(turned)
    assert NATIVE.logs(turned).rows == PYTHON.logs(OURS).rows


@pytest.mark.parametrize("without", [*FULL, "nothing"])
def test_a_foreign_record_with_anything_in_it_or_not_is_decoded_natively(without: str) -> None:
    values = {name: value for name, value in FULL.items() if name != without}
    request = request_of(record_of(values, "prelude.crm.update_deal"), record_of({"http.route": "/"}, "some.event"))
    for each in (request, as_the_collector_writes(request)):
        assert left_to_python(each) == (1 if without == names.LOG_RECORD_UID else 0)
        assert_equal(each)


@pytest.mark.parametrize("activity", ["view_customers_list", "view_deal", "delete_deal", "create_deal_note"])
def test_what_an_emitter_without_a_catalogue_leaves_out_is_filled_in_natively(activity: str) -> None:
    data = {"deal_id": 5, "customer_count": 1, "customer_id": 3}
    values = {names.LOG_RECORD_UID: UID, names.ENTITY_ID: "789", names.ACTION_DATA: data}
    request = request_of(record_of(values, f"prelude.crm.{activity}"))
    assert left_to_python(request) == 0
    assert_equal(request)
    assert NATIVE.logs(request).rows[0].page_url is not None


def test_an_odd_record_stays_in_its_place_and_costs_its_neighbours_nothing() -> None:
    usual = [record_of({**FULL, names.SESSION_ID: str(number)}) for number in range(5)]
    odd = record_of({**FULL, names.USER_AGENT: "a\0b", names.SESSION_ID: "odd"})
    bad = record_of({**FULL, names.RESULT_STATUS: "splendid"})
    request = request_of(odd, usual[0], usual[1], bad, odd, usual[2], odd, bad, usual[3])
    assert left_to_python(request) == 5
    assert [row.session_id for row in NATIVE.logs(request).rows] == ["odd", "0", "1", "odd", "2", "odd", "3"]
    assert_equal(request)


def test_fields_out_of_order_and_several_resources() -> None:
    request = ExportLogsServiceRequest()
    for name in ("a", "b"):
        outer = request.resource_logs.add(schema_url="u")
        outer.resource.attributes.extend(attributes({"host.name": "h", "service.name": name, "n": 1}))
        outer.resource.dropped_attributes_count = 3
        for _ in range(2):
            outer.scope_logs.add().log_records.extend([record_of(FULL), record_of(FULL, severity_number=9, flags=1)])
    whole = request.SerializeToString()
    turned = b"".join(
        b"\x0a" + bytes([0x80 | len(part) & 0x7F, len(part) >> 7]) + part
        for part in (_turned(each.SerializeToString()) for each in request.resource_logs)
    )
    for each in (whole, turned):
        assert left_to_python(each) == 0
        assert_equal(each)


def _turned(message: bytes) -> bytes:
    """With its first field last: the resource after the records."""
    size, at = message[1], 2
    return message[at + size :] + message[: at + size]
