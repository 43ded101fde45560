"""Values and bytes that nobody should send, and somebody will."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from prelude_exporter.decoding import mapping
from prelude_exporter.decoding.cutting import MAX_DATA_BYTES
from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_exporter.decoding.values import MAX_DEPTH
from prelude_exporter.errors import MalformedRequestError
from prelude_store.row import ActivityRow, SpanLength
from tests.support.otlp import attributes, field, nested_attribute, request_of_bytes
from tests.unit.exporter.conftest import NOW_NS, SPAN, TRACE, record_of, request_of

RowOf = Callable[..., ActivityRow]
Decode = Callable[..., Decoded]


def traces_of(*spans: Span) -> bytes:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


def result_of(row: ActivityRow) -> Any:
    return json.loads(row.result_data or "null")


@pytest.mark.parametrize("request_", [b"\xff", b"\x0a\xff", b"\x0a\x05ab", b"{}", b"\x08\x01" * 3 + b"\x0a"])
def test_bytes_that_are_no_otlp_are_malformed(decoder: Decoder, request_: bytes) -> None:
    with pytest.raises(MalformedRequestError, match="no OTLP request"):
        decoder.logs(request_)


def test_fields_of_later_versions_are_passed_over(decoder: Decoder) -> None:
    request = request_of(record_of()) + b"\xfa\x3f\x03new"
    assert len(decoder.logs(request).rows) == 1


def test_nul_is_removed_and_said(row_of: RowOf) -> None:
    row = row_of({"user_agent.original": "a\0b", "prelude.tags": ["x\0"], "prelude.action.data": {"deal_name": "\0D"}})
    assert (row.user_agent, row.tags, row.action_data) == ("ab", ("x",), '{"deal_name":"D"}')
    assert set(result_of(row)["mended"]) == {"user_agent", "tags.0", "action_data.deal_name"}


def test_a_backslash_u0000_that_was_meant_stays(row_of: RowOf) -> None:
    assert row_of({"prelude.action.data": {"deal_name": "\\u0000"}}).action_data == '{"deal_name":"\\\\u0000"}'


def test_text_that_is_no_utf_8_is_mended_wherever_it_stands(decoder: Decoder) -> None:
    record = record_of({"user.email": "ab@c", "prelude.action.data": {"ab": {"inner": ["ab"]}}}, "prelude.chat.ab")
    request = request_of(record, service="ab").replace(b"ab", b"a\xff")
    (row,) = decoder.logs(request).rows
    assert (row.user_email, row.service_name) == ("a�@c", "a�")
    assert row.action_data == '{"a�":{"inner":["a�"]}}'
    assert row.action_name == "a�"


def test_lone_surrogates_in_json_text_are_mended(row_of: RowOf) -> None:
    row = row_of({"prelude.action.data": '{"deal_name": "\\ud800x", "\\udc00": 1}'})
    assert row.action_data == '{"deal_name":"�x","�":1}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_left_out_and_kept_beside(row_of: RowOf, number: float) -> None:
    row = row_of({"prelude.action.data": {"value_usd": number, "own": number, "list": [number], "deal_name": "D"}})
    assert row.action_data == '{"deal_name":"D","list":[null]}'
    assert result_of(row)["rejected_fields"] == {"value_usd": str(number), "own": str(number)}


def test_integers_longer_than_64_bits_keep_their_digits(row_of: RowOf) -> None:
    row = row_of({"prelude.action.data": '{"deal_name": "D", "big": 123456789012345678901234567890}'})
    assert row.action_data == '{"big":123456789012345678901234567890,"deal_name":"D"}'


def test_null_in_data_is_kept_where_nothing_is_declared(row_of: RowOf) -> None:
    assert row_of({"prelude.action.data": '{"own": null}'}).action_data == '{"own":null}'


def test_of_data_that_is_too_large_only_what_is_too_long_is_cut_and_the_rest_stays(row_of: RowOf) -> None:
    million = {
        "deal_name": "D",
        "own": "x" * 1_000_000,
        "list": list(range(200_000)),
        "z": {"y": "é" * 1_000_000, "x": 1},
    }
    row = row_of({"prelude.action.data": million, "prelude.result.data": million})
    data, result = json.loads(row.action_data or ""), result_of(row)
    for cut in (data, result):
        assert (cut["deal_name"], cut["z"]["x"]) == ("D", 1)
        assert cut["own"].endswith("x…")
        assert cut["list"][:3] == [0, 1, 2]
    assert all(200_000 < len((text or "").encode()) <= MAX_DATA_BYTES for text in (row.action_data, row.result_data))
    assert result["mended"] == {
        f"{column}.{path}": f"cut from {was}"
        for column in ("action_data", "result_data")
        for path, was in {"list": "200000 entries", "own": "1000000 characters", "z.y": "1000000 characters"}.items()
    }


def test_what_is_cut_is_not_cut_again(row_of: RowOf) -> None:
    cut = json.loads(
        row_of({"prelude.action.data": {"a": "x\n" * 500_000, "b": [["y" * 300_000]] * 3}}).action_data or ""
    )
    row = row_of({"prelude.action.data": cut})
    assert json.loads(row.action_data or "") == cut
    assert row.result_data is None


@pytest.mark.parametrize("depth", [60, 500, 5000])
def test_what_is_nested_too_deep_is_cut_and_its_neighbours_stay(row_of: RowOf, depth: int) -> None:
    data_field = field(1, field(1, b"deal_name") + field(2, field(1, b"D"))) + field(1, nested_attribute("deep", depth))
    attribute = field(1, b"prelude.action.data") + field(2, field(6, data_field))
    request = request_of_bytes(record_of().SerializeToString() + field(6, attribute))
    (row,) = Decoder().logs(request).rows
    data = json.loads(row.action_data or "")
    assert data["deal_name"] == "D"
    assert (row.action_data or "").count("[") + (row.action_data or "").count("{") == MAX_DEPTH
    ((path, said),) = result_of(row)["mended"].items()
    assert (path.startswith("action_data.deep."), said) == (True, "cut: nested deeper than 32 levels")
    as_text = row_of({"prelude.action.data": '{"deal_name":"D","deep":' + "[" * 60 + "1" + "]" * 60 + "}"})
    assert (as_text.action_data or "").count("[") == MAX_DEPTH - 1


def test_what_is_nested_as_deep_as_may_be_is_whole(row_of: RowOf) -> None:
    text = '{"own":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"
    for given in (text, json.loads(text)):
        row = row_of({"prelude.action.data": given}, "prelude.chat.send")
        assert (row.action_data, row.result_data) == (text, None)


def test_what_did_not_fit_is_said_within_bounds(row_of: RowOf) -> None:
    row = row_of({"prelude.action.data": {f"{number}{'k' * 3000}": float("nan") for number in range(5000)}})
    rejected = result_of(row)["rejected_fields"]
    assert len(rejected) <= 101
    assert rejected["…"].endswith(" more")
    assert len(row.result_data or "") < 40_000


def test_a_name_from_the_event_is_mended_like_any_other_text(row_of: RowOf) -> None:
    row = row_of({}, "prelude.chat.a\0b" + "c" * 300)
    assert (len(row.action_name), row.action_name[:3]) == (200, "abc")
    assert result_of(row)["mended"] == {"action_name": "cut from 302 characters"}


def test_an_address_that_grows_when_it_is_composed_stays_within_its_limit(row_of: RowOf) -> None:
    row = row_of({"user.email": "\U0001d160" * 320})
    assert len(row.user_email or "") == 320
    assert "user_email" in result_of(row)["mended"]


def test_a_large_rejected_value_is_shortened(row_of: RowOf) -> None:
    rejected = result_of(row_of({"prelude.action.data": {"value_usd": "x" * 5000}}))["rejected_fields"]["value_usd"]
    assert len(rejected) == 1001


@pytest.mark.parametrize(
    "name", ["user_agent.original", "prelude.page.url", "prelude.page.route", "user.email", "prelude.entity.id"]
)
def test_over_long_text_is_cut_and_said(row_of: RowOf, name: str) -> None:
    row = row_of({name: "é" * 5000})
    (said,) = result_of(row)["mended"].values()
    assert said == "cut from 5000 characters"


def test_very_many_tags_are_cut(row_of: RowOf) -> None:
    row = row_of({"prelude.tags": [str(number) for number in range(1000)]})
    assert row.tags is not None
    assert len(row.tags) == 100


def test_what_one_record_did_not_carry_is_not_said_of_the_next(decoder: Decoder) -> None:
    bad, good = record_of({"user_agent.original": "a\0", "prelude.result.status": "?"}), record_of({"session.id": "x"})
    decoded = decoder.logs(request_of(bad, good, record_of({"user_agent.original": "a\0"}), good))
    assert [row.result_data is None for row in decoded.rows] == [True, False, True]


def test_an_attribute_given_twice_counts_as_its_last(decoder: Decoder) -> None:
    record = record_of({"session.id": "first"})
    record.attributes.extend(attributes({"session.id": "last"}))
    assert decoder.logs(request_of(record)).rows[0].session_id == "last"


def test_a_malformed_attribute_costs_its_record_alone(decoder: Decoder) -> None:
    bad = record_of({"session.id": "ab"})
    request = request_of(record_of(), bad, record_of()).replace(
        b"\n\x0asession.id\x12\x04\n\x02ab", b"\n\x0asession.id\x12\x04\n\x09ab"
    )
    decoded = decoder.logs(request)
    assert len(decoded.rows) == 2
    assert [item.reason for item in decoded.quarantined] == ["malformed_attribute"]


def test_data_nested_too_deep_costs_its_record_alone(decoder: Decoder) -> None:
    deep: Any = 1
    for _ in range(20):
        deep = {"d": deep}
    text = '{"d":' * 5000 + "1" + "}" * 5000
    decoded = decoder.logs(
        request_of(record_of({"prelude.action.data": text}), record_of({"prelude.action.data": deep}), record_of())
    )
    assert len(decoded.rows) + len(decoded.quarantined) == 3
    assert len(decoded.rows) >= 2


def test_a_bug_of_ours_quarantines_the_record_and_not_the_request(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(nanoseconds: int) -> int:
        raise ZeroDivisionError(f"with {nanoseconds}")

    monkeypatch.setattr(mapping, "duration_ms", broken)
    bad = record_of({"prelude.span.duration_ns": 5})
    decoded = decoder.logs(request_of(record_of(), bad, record_of()))
    assert len(decoded.rows) == 2
    (entry,) = decoded.quarantined
    assert (entry.signal, entry.reason, entry.detail) == ("logs", "mapping_failed", "ZeroDivisionError: with 5")
    assert ExportLogsServiceRequest.FromString(entry.payload) == ExportLogsServiceRequest.FromString(request_of(bad))


def test_a_quarantined_record_can_be_replayed_from_its_bytes(decode: Decode, decoder: Decoder) -> None:
    (entry,) = decode({"prelude.result.status": "?", "odd": [1, {"a": b"".hex()}]}).quarantined
    mended = entry.payload.replace(b"\n\x01?", b"\n\x01!")
    assert decoder.logs(mended).quarantined[0].detail.startswith("result status '!'")


def test_a_quarantined_span_event_has_its_span_and_no_other_event(decoder: Decoder) -> None:
    span = Span(trace_id=TRACE, span_id=SPAN, name="x", start_time_unix_nano=1, end_time_unix_nano=2)
    span.events.add(name="prelude.crm.view_deal", time_unix_nano=NOW_NS)
    span.events.add(name="prelude.gossip.x", time_unix_nano=NOW_NS)
    decoded = decoder.traces(traces_of(span))
    assert len(decoded.rows) == 1
    (entry,) = decoded.quarantined
    kept = ExportTraceServiceRequest.FromString(entry.payload).resource_spans[0].scope_spans[0].spans[0]
    assert (entry.signal, kept.span_id, [event.name for event in kept.events]) == ("traces", SPAN, ["prelude.gossip.x"])


def test_a_span_that_ends_before_it_starts_has_no_length(decoder: Decoder) -> None:
    span = Span(trace_id=TRACE, span_id=SPAN, name="prelude.crm.x", start_time_unix_nano=2**63, end_time_unix_nano=1)
    assert decoder.traces(traces_of(span)).spans == [SpanLength(TRACE.hex(), SPAN.hex(), 0)]
    span = Span(
        trace_id=TRACE, span_id=SPAN, name="prelude.crm.x", start_time_unix_nano=0, end_time_unix_nano=2**64 - 1
    )
    assert decoder.traces(traces_of(span)).spans[0].duration_ns == 2**63 - 1


def test_spans_that_are_not_ours_measured_or_unfinished_are_passed_over(decoder: Decoder) -> None:
    whole: dict[str, Any] = {"trace_id": TRACE, "span_id": SPAN, "start_time_unix_nano": 1, "end_time_unix_nano": 2}
    spans = [
        Span(name="GET /", **whole),
        Span(name="prelude.crm.x", attributes=attributes({"prelude.span.measured": True}), **whole),
        Span(name="prelude.crm.x", **(whole | {"end_time_unix_nano": 0})),
        Span(name="prelude.crm.x", **(whole | {"span_id": b""})),
    ]
    decoded = decoder.traces(traces_of(*spans))
    assert (decoded.spans, decoded.spans_passed_over) == ([], 4)


def test_a_schema_url_that_is_no_utf_8_costs_no_request_whose_record_is_quarantined(decoder: Decoder) -> None:
    """Found by the fuzzer: the record could not be taken out of its request, and the whole request failed for ever."""
    bad, good = (record_of({"prelude.result.status": status}).SerializeToString() for status in ("?", "success"))
    records = field(2, bad) + field(2, good)
    request = field(1, field(2, records + field(3, b"a\xff" * 100)) + field(3, b"\xff"))
    decoded = decoder.logs(request)
    assert len(decoded.rows) == 1
    (entry,) = decoded.quarantined
    assert b"a\xff" * 100 in entry.payload
    assert decoder.logs(entry.payload).quarantined == [entry]


@pytest.mark.parametrize("of_scope", [True, False])
def test_a_mark_of_a_span_that_can_not_be_read_costs_no_request(decoder: Decoder, of_scope: bool) -> None:
    """Found by the fuzzer: a span's attribute that is no KeyValue failed the whole request for ever."""
    torn = field(1, b"prelude.span.measured") + field(2, b"\xff")
    whole = Span(trace_id=TRACE, span_id=SPAN, name="prelude.crm.x", start_time_unix_nano=1, end_time_unix_nano=2)
    spans = field(2, whole.SerializeToString() + (b"" if of_scope else field(9, torn)))
    request = field(1, field(2, field(1, field(3, torn)) + spans if of_scope else spans))
    assert len(decoder.traces(request).spans) == 1
