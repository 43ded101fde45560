"""Bytes made by hand are what the official protobuf messages say, and what an SDK would be given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.trace import SpanContext, TraceFlags

from prelude_otel.attributes import record_attributes
from prelude_otel.catalogue import Activity, Field, builtin
from prelude_otel.contract.vocabulary import STATUSES
from prelude_otel.event import ActivityEvent
from prelude_otel.otlp.encode import encode_event, export_request, request_prefix
from prelude_otel.otlp.wire import any_value, key_prefix, string_attribute
from tests.support.otlp import python_value

START = 1_767_225_600_123_456_789
UID = "019b7700-0000-7000-8000-000000000001"
KINDS = [*builtin(), Activity(type="export", name="plain"), Activity(type="upload", name="x" * 200, category="é" * 90)]

texts = st.text(st.characters(), max_size=40) | st.text(min_size=90, max_size=300) | st.just("\ud800 lone")
int64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 127, 128, 2**63 - 1, -(2**63)])
carried = st.recursive(
    st.none() | st.booleans() | int64 | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
maps = st.dictionaries(texts, carried, max_size=5)


@st.composite
def events(draw: st.DrawFn) -> ActivityEvent:
    """Any finished event."""
    event = ActivityEvent(draw(st.sampled_from(KINDS)), draw(st.integers(0, 2**64 - 2**41)), UID)
    event.duration_ns = draw(st.none() | st.integers(0, 2**40))
    if draw(st.booleans()):
        ids = st.integers(1, 2**64 - 1)
        flags = TraceFlags(draw(st.integers(0, 255)))
        event.span_context = SpanContext(draw(ids) << 64 | 1, draw(ids), is_remote=False, trace_flags=flags)
    event.status = draw(st.sampled_from(sorted(STATUSES)))
    for name in ("error_type", "user_email", "session_id", "entity_id", "page_url", "page_route", "completes"):
        setattr(event, name, draw(st.none() | texts))
    for name in ("user_agent", "client_address"):
        setattr(event, name, draw(st.none() | texts))
    event.http_status = draw(st.none() | st.integers(100, 599))
    event.handler_ran = draw(st.booleans())
    event.data = draw(maps)
    event.result_data = draw(st.none() | maps)
    event.tags = draw(st.none() | st.lists(texts, max_size=3))
    return event


def decoded(*encoded: bytes, resource: dict[str, Any] | None = None) -> Any:
    """The request as the official message."""
    prefix = request_prefix(resource or {"service.name": "crm-service"}, "prelude_otel", "1.2.3")
    return ExportLogsServiceRequest.FromString(export_request(prefix, encoded))


def as_utf8(value: Any) -> Any:
    """What UTF-8 can hold of a value."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {as_utf8(key): as_utf8(item) for key, item in value.items()}
        case list():
            return [as_utf8(item) for item in value]
    return value


@given(events())
@settings(max_examples=120, deadline=None)
def test_the_bytes_carry_what_the_attributes_say(event: ActivityEvent) -> None:
    (record,) = decoded(encode_event(event)).resource_logs[0].scope_logs[0].log_records
    sent = {each.key: python_value(each.value) for each in record.attributes}
    assert repr(sorted(sent.items())) == repr(sorted(as_utf8(record_attributes(event)).items()))
    assert record.event_name == event.kind.event_name
    assert record.time_unix_nano == event.start_ns
    assert record.observed_time_unix_nano == event.start_ns + (event.duration_ns or 0)
    assert record.severity_number == (17 if event.status in ("error", "timeout") else 9)
    context = event.span_context
    assert record.trace_id == (context.trace_id.to_bytes(16) if context else b"")
    assert record.span_id == (context.span_id.to_bytes(8) if context else b"")
    assert record.flags == (context.trace_flags if context else 0)


@given(st.lists(events(), max_size=3))
@settings(max_examples=5, deadline=None)
def test_a_request_is_its_entries_in_order(several: list[ActivityEvent]) -> None:
    request = decoded(*map(encode_event, several))
    records = request.resource_logs[0].scope_logs[0].log_records
    assert [record.time_unix_nano for record in records] == [event.start_ns for event in several]


def test_resource_and_scope_travel_with_every_request() -> None:
    resource = {"service.name": "crm-service", "ports": (1, 2), "ratio": 0.5, "ok": True, "text": "é" * 200}
    request = decoded(encode_event(ActivityEvent(KINDS[0], START, UID)), resource=resource)
    attributes = {each.key: python_value(each.value) for each in request.resource_logs[0].resource.attributes}
    assert attributes == {**resource, "ports": [1, 2]}
    scope = request.resource_logs[0].scope_logs[0].scope
    assert (scope.name, scope.version) == ("prelude_otel", "1.2.3")


@pytest.mark.parametrize("size", [*range(60, 140), 255, 256, 16_383, 16_384])
def test_every_length_of_a_text_is_framed_rightly(size: int) -> None:
    event = ActivityEvent(KINDS[0], START, UID)
    event.session_id = "s" * size
    event.data = {"k" * size: "v" * size, "list": ["v" * size]}
    (record,) = decoded(encode_event(event)).resource_logs[0].scope_logs[0].log_records
    sent = {each.key: python_value(each.value) for each in record.attributes}
    assert sent["session.id"] == event.session_id
    assert sent["prelude.action.data"] == event.data


def test_a_value_that_otlp_has_no_form_for_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="OTLP carries no object"):
        any_value(object())


def test_many_different_users_do_not_fill_the_memory() -> None:
    from prelude_otel.otlp.wire import RememberedAttribute

    remembered = RememberedAttribute("user.email")
    prefix = key_prefix("user.email")
    for number in range(5000):
        address = f"user{number}@x.com"
        assert remembered[address] == string_attribute(prefix, address)
    assert len(remembered) <= 2048


def test_personal_fields_are_named_in_the_record() -> None:
    kind = Activity(type="crm", name="probe", fields={"a": Field(personal=True), "b": Field()})
    assert record_attributes(ActivityEvent(kind, START, UID))["prelude.personal"] == ["action_data.a"]


@pytest.mark.parametrize("power", range(0, 64, 7))
def test_every_length_of_a_number_is_framed_rightly(power: int) -> None:
    numbers = [2**power - 1, 2**power, -(2**power)] if power < 63 else [2**63 - 1, -(2**63)]
    for number in numbers:
        event = ActivityEvent(KINDS[0], START, UID)
        event.data = {"number": number, "list": [number]}
        event.duration_ns = max(0, number)
        (record,) = decoded(encode_event(event)).resource_logs[0].scope_logs[0].log_records
        sent = {each.key: python_value(each.value) for each in record.attributes}
        assert sent["prelude.action.data"] == event.data
        assert sent["prelude.span.duration_ns"] == event.duration_ns


def test_texts_of_many_lengths_do_not_fill_the_memory() -> None:
    from prelude_otel.otlp.wire import Heads, head

    heads = Heads(b"\x0a", b"\x12")
    for size in range(5000):
        assert heads[size] == head(size, b"\x0a", b"\x12")
    assert len(heads) <= 256
