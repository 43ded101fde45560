"""Whatever a record holds: the fast decoder gives what the obvious mapping through the official messages gives."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from bench.collector_order import as_the_collector_writes
from prelude_exporter.decoding.decode import Decoder
from prelude_otel.catalogue import builtin
from prelude_otel.contract import attributes as names
from prelude_otel.errors import ContractError
from tests.unit.exporter.conftest import request_of
from tests.unit.exporter.obvious import obvious_row

# One decoder for all examples: what it remembers of one record must not show in another.
DECODER = Decoder()
KEYS = sorted(
    value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value
)
FIELDS = sorted({name for activity in builtin() for name in activity.fields})
EVENTS = [activity.event_name for activity in builtin()]

texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "success", "error", "crm", "create_deal", "true", "12", "-5", "1.5", "50,000", "gmail_api", "\0", "a\0b"]
    ),
    st.integers(100, 600).map("é".__mul__),
    st.integers(100, 600).map("x".__mul__),
    st.sampled_from(['{"deal_name":"x","value_usd":1}', '{"a":NaN}', "[1]", '{"a":12345678901234567890}']),
)


def any_values(depth: int) -> st.SearchStrategy[AnyValue]:
    scalars = [
        st.just(AnyValue()),
        texts.map(lambda value: AnyValue(string_value=value)),
        st.booleans().map(lambda value: AnyValue(bool_value=value)),
        st.integers(-(2**63), 2**63 - 1).map(lambda value: AnyValue(int_value=value)),
        st.integers(-200, 200).map(lambda value: AnyValue(int_value=value)),
        st.floats().map(lambda value: AnyValue(double_value=value)),
        st.binary(max_size=9).map(lambda value: AnyValue(bytes_value=value)),
    ]
    if depth == 0:
        return st.one_of(scalars)
    inner = any_values(depth - 1)
    pairs = st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=5)), inner, max_size=5)
    return st.one_of(
        *scalars,
        st.lists(inner, max_size=4).map(lambda values: AnyValue(array_value=ArrayValue(values=values))),
        pairs.map(map_of),
        pairs.map(map_of),
    )


def map_of(pairs: dict[str, AnyValue]) -> AnyValue:
    return AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=key, value=value) for key, value in pairs.items()]))


records = st.builds(
    lambda event, time, observed, trace, span, body, values: LogRecord(
        event_name=event,
        severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        body=body,
        time_unix_nano=time,
        observed_time_unix_nano=observed,
        trace_id=trace,
        span_id=span,
        attributes=[KeyValue(key=key, value=value) for key, value in values.items()],
    ),
    st.sampled_from(
        [
            *EVENTS,
            "prelude.chat.send",
            "prelude.nothing.known",
            "prelude.crm",
            "prelude.",
            "prelude.crm.\0",
            "prelude.chat." + "é" * 201,
        ]
    ),
    st.one_of(st.integers(0, 2**64 - 1), st.just(1_800_000_000_000_000_000)),
    st.sampled_from([0, 1_800_000_000_000_000_001]),
    st.sampled_from([b"", bytes(16), bytes(range(16)), b"short"]),
    st.sampled_from([b"", bytes(8), bytes(range(8))]),
    st.one_of(st.none(), any_values(1)),
    st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)), any_values(2), max_size=12),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(records, min_size=1, max_size=3))
@example([LogRecord(event_name="prelude.crm.create_deal", time_unix_nano=1)])
def test_the_fast_mapping_equals_the_obvious_one(batch: list[LogRecord]) -> None:
    decoded = DECODER.logs(request_of(*batch))
    expected: list[Any] = []
    reasons = []
    for record in batch:
        try:
            expected.append(obvious_row(record, "crm-service"))
        except ContractError as error:
            reasons.append(error.reason)
    assert decoded.rows == expected
    assert DECODER.logs(as_the_collector_writes(request_of(*batch))).rows == expected
    assert [item.reason for item in decoded.quarantined] == reasons
    assert decoded.passed_over == 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_decoder_fail_in_an_unforeseen_way(junk: bytes) -> None:
    from prelude_exporter.errors import MalformedRequestError

    for read in (DECODER.logs, DECODER.traces):
        try:
            read(junk)
        except MalformedRequestError:
            continue


@settings(max_examples=200, deadline=None)
@given(records, st.data())
def test_a_damaged_request_is_malformed_or_costs_one_record(record: LogRecord, data: st.DataObject) -> None:
    from prelude_exporter.errors import MalformedRequestError

    request = bytearray(request_of(record, record))
    place = data.draw(st.integers(0, len(request) - 1))
    request[place] = data.draw(st.integers(0, 255))
    try:
        decoded = DECODER.logs(bytes(request))
    except MalformedRequestError:
        return
    assert not [item for item in decoded.quarantined if item.reason == "mapping_failed"]
