"""The contract's table row by row, and the rulings that the exporter applies."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_otel.catalogue import Activity, Catalogue, Field
from prelude_otel.contract.event_id import event_id_from_uid
from prelude_store.row import ActivityRow
from tests.unit.exporter.conftest import NOW_NS, record_of, request_of

RowOf = Callable[..., ActivityRow]
Decode = Callable[..., Decoded]
UID = "0192f0c1-2345-7abc-8def-0123456789ab"


def data_of(row: ActivityRow) -> Any:
    return json.loads(row.action_data or "null")


def result_of(row: ActivityRow) -> Any:
    return json.loads(row.result_data or "null")


# event_id


@pytest.mark.parametrize("uid", [UID, UID.upper(), UID.replace("-", "")])
def test_a_uuid_is_the_event_id_as_it_is(row_of: RowOf, uid: str) -> None:
    assert row_of({"log.record.uid": uid}).event_id == UID


@pytest.mark.parametrize("uid", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "order-7", "é", "x" * 3000])
def test_any_other_string_becomes_a_uuid_of_version_8(row_of: RowOf, uid: str) -> None:
    made = row_of({"log.record.uid": uid}).event_id
    assert made == event_id_from_uid(uid)
    assert uuid.UUID(made).version == 8


def test_without_an_id_the_whole_record_makes_it(row_of: RowOf) -> None:
    one, again, other = row_of({"user.email": "a@b"}), row_of({"user.email": "a@b"}), row_of({"user.email": "c@b"})
    assert one.event_id == again.event_id != other.event_id
    assert uuid.UUID(one.event_id).version == 8


# timestamp


def test_the_time_is_the_timestamp_in_microseconds(row_of: RowOf) -> None:
    assert row_of(observed_time_unix_nano=5).timestamp_us == NOW_NS // 1000


def test_without_a_timestamp_it_is_the_observed_one(row_of: RowOf) -> None:
    assert row_of(time_unix_nano=0, observed_time_unix_nano=7_000).timestamp_us == 7


def test_without_any_time_the_record_is_quarantined_and_never_gets_our_clock(decode: Decode) -> None:
    decoded = decode(time_unix_nano=0)
    assert decoded.rows == []
    assert [item.reason for item in decoded.quarantined] == ["no_timestamp"]


# action_type, action_name, result_status


def test_type_and_name_come_from_the_attributes_else_from_the_event_name(row_of: RowOf) -> None:
    row = row_of({"prelude.action.type": "chat", "prelude.action.name": "send"}, "prelude.crm.create_deal")
    assert (row.action_type, row.action_name) == ("chat", "send")
    row = row_of({}, "prelude.lead_generation.scrape.page")
    assert (row.action_type, row.action_name) == ("lead_generation", "scrape.page")


def test_an_emitter_that_can_not_set_the_event_name_is_understood(row_of: RowOf) -> None:
    row = row_of({"prelude.action.type": "crm", "prelude.action.name": "view_deal"}, "")
    assert row.action_name == "view_deal"


@pytest.mark.parametrize("name", ["", "http.request", "preludes.crm.x"])
def test_other_records_are_passed_over_and_counted(decode: Decode, name: str) -> None:
    decoded = decode({"prelude.action.type": "crm", "other": 1}, name)
    assert (decoded.rows, decoded.quarantined, decoded.passed_over) == ([], [], 1)


@pytest.mark.parametrize(
    "type_",
    [
        "authentication", "navigation", "chat", "crm", "lead_generation", "analytics", "task_management", "calendar",
        "settings", "upload", "export",
    ],
)  # fmt: skip
def test_ruling_15_all_eleven_types_are_known(row_of: RowOf, type_: str) -> None:
    assert row_of({}, f"prelude.{type_}.anything").action_type == type_


@pytest.mark.parametrize("status", ["success", "error", "pending", "timeout"])
def test_ruling_15_all_four_statuses_are_known(row_of: RowOf, status: str) -> None:
    assert row_of({"prelude.result.status": status}).result_status == status


def test_without_a_status_it_is_success(row_of: RowOf) -> None:
    assert row_of().result_status == "success"


@pytest.mark.parametrize(
    ("values", "event_name", "reason"),
    [
        ({"prelude.result.status": "Success"}, "prelude.crm.create_deal", "unknown_status"),
        ({}, "prelude.gossip.create_deal", "unknown_action_type"),
        ({"prelude.action.type": "gossip"}, "prelude.crm.create_deal", "unknown_action_type"),
        ({}, "prelude.crm", "no_action_name"),
        ({}, "prelude.", "no_action_name"),
        ({"prelude.probe.id": "7"}, "prelude.probe", "bad_probe"),
    ],
)
def test_what_can_not_become_a_row_is_quarantined(decode: Decode, values: Any, event_name: str, reason: str) -> None:
    decoded = decode(values, event_name)
    assert ([item.reason for item in decoded.quarantined], decoded.rows) == ([reason], [])


# texts


def test_each_text_column_comes_from_its_attribute(row_of: RowOf) -> None:
    row = row_of(
        {
            "session.id": "s",
            "prelude.action.category": "c",
            "prelude.entity.type": "t",
            "prelude.entity.id": "7",
            "prelude.page.url": "/crm/deals/7",
            "prelude.page.route": "/crm/deals/{deal_id}",
            "user_agent.original": "curl",
            "client.address": "2001:db8::1",
        }
    )
    assert (row.session_id, row.action_category, row.entity_type, row.entity_id) == ("s", "c", "t", "7")
    assert (row.page_url, row.page_route) == ("/crm/deals/7", "/crm/deals/{deal_id}")  # ruling 13
    assert (row.user_agent, row.ip_address, row.service_name) == ("curl", "2001:db8::1", "crm-service")


def test_what_is_not_there_or_empty_is_null(row_of: RowOf) -> None:
    row = row_of({"session.id": "", "user.email": "  ", "prelude.action.name": "of_no_catalogue"})
    assert (row.session_id, row.user_email, row.page_url, row.tags, row.result_data) == (None, None, None, None, None)


def test_an_emitter_without_the_catalogue_need_not_repeat_it(row_of: RowOf) -> None:
    row = row_of({"prelude.action.name": "view_deal", "prelude.entity.id": "456"})
    assert (row.action_category, row.entity_type) == ("deal", "deal")
    assert (row.page_url, row.page_route) == ("/crm/deals/456", "/crm/deals/{deal_id}")


def test_a_page_is_filled_in_only_where_all_of_it_is_known(row_of: RowOf) -> None:
    row = row_of({"prelude.action.name": "view_deal"})
    assert (row.page_url, row.page_route) == (None, "/crm/deals/{deal_id}")


def test_ruling_18_addresses_are_trimmed_composed_and_lower_case(row_of: RowOf) -> None:
    assert row_of({"user.email": " Use\u0301r@Company.com\t"}).user_email == "us\u00e9r@company.com"


def test_ruling_20_a_session_id_is_capped_and_said_to_be(row_of: RowOf) -> None:
    row = row_of({"session.id": "s" * 300})
    assert row.session_id == "s" * 199 + "…"
    assert result_of(row) == {"mended": {"session_id": "cut from 300 characters"}}


@pytest.mark.parametrize(("given", "text"), [(7, "7"), (True, "true"), (1.5, "1.5")])
def test_an_entity_id_that_is_no_text_becomes_text(row_of: RowOf, given: Any, text: str) -> None:
    assert row_of({"prelude.entity.id": given}).entity_id == text


def test_a_value_of_a_wrong_shape_is_kept_beside(row_of: RowOf) -> None:
    row = row_of({"session.id": {"a": 1}, "prelude.span.duration_ns": "soon", "prelude.action.data": "no object"})
    assert (row.session_id, row.duration_ms) == (None, None)
    assert result_of(row)["rejected_fields"] == {
        "session_id": {"a": 1},
        "duration_ns": "soon",
        "action_data": "no object",
    }


def test_tags_and_personal_paths_are_lists_of_text(row_of: RowOf) -> None:
    row = row_of({"prelude.tags": ["vip", "", 7, "vip"], "prelude.personal": ["action_data.to_email"]})
    assert (row.tags, row.personal_paths) == (("vip", "7", "vip"), ("action_data.to_email",))
    assert row_of({"prelude.tags": "one"}).tags == ("one",)


# action_data: the catalogue applies to foreign emitters, too


def test_ruling_2_view_customer_always_has_its_customer_id(row_of: RowOf) -> None:
    assert data_of(row_of({"prelude.entity.id": "123"}, "prelude.crm.view_customer")) == {"customer_id": 123}
    assert data_of(row_of({"prelude.entity.id": "a-1"}, "prelude.crm.view_customer")) == {"customer_id": "a-1"}


def test_ruling_3_client_id_is_kept_and_customer_id_added(row_of: RowOf) -> None:
    assert data_of(row_of({"prelude.action.data": {"client_id": 123}})) == {"client_id": 123, "customer_id": 123}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("gmail_api", "gmail_api_v2"), ("outlook_api", "outlook_api_v2"), ("smtp", "smtp"), ("pigeon", "pigeon")],
)
def test_ruling_4_methods_are_normalised(row_of: RowOf, sent: str, stored: str) -> None:
    row = row_of({"prelude.action.data": {"method": sent}}, "prelude.crm.send_email")
    assert data_of(row) == {"method": stored}


def test_ruling_5_a_value_is_a_number_or_is_rejected_and_the_row_lands(row_of: RowOf) -> None:
    assert data_of(row_of({"prelude.action.data": {"value_usd": "75000.0"}})) == {"value_usd": 75000.0}
    row = row_of({"prelude.action.data": {"value_usd": "a lot", "deal_name": "D"}})
    assert data_of(row) == {"deal_name": "D"}
    assert result_of(row) == {"rejected_fields": {"value_usd": "a lot"}}


def test_ruling_5_also_within_updated_fields(row_of: RowOf) -> None:
    row = row_of({"prelude.action.data": {"updated_fields": {"value_usd": "75000.0"}}}, "prelude.crm.update_deal")
    assert data_of(row) == {"updated_fields": {"value_usd": 75000.0}}


def test_rejected_fields_of_the_emitter_stay(row_of: RowOf) -> None:
    given = {
        "prelude.result.data": {"rejected_fields": {"deal_id": "?"}, "kept": 1},
        "prelude.action.data": {"value_usd": "?"},
    }
    assert result_of(row_of(given)) == {"rejected_fields": {"deal_id": "?", "value_usd": "?"}, "kept": 1}


def test_ruling_15_services_declare_their_own_activities() -> None:
    own = Activity(type="chat", name="send", fields={"length": Field(type="integer")})
    decoded = Decoder(Catalogue([own])).logs(
        request_of(record_of({"prelude.action.data": {"length": "3"}}, "prelude.chat.send"))
    )
    assert decoded.rows[0].action_data == '{"length":3}'


def test_an_unknown_activity_keeps_its_data_as_it_is(row_of: RowOf) -> None:
    data = {"b": [1, {"c": None}], "a": {"value_usd": "x"}}
    assert row_of({"prelude.action.data": data | {"b": [1, {"c": 2}]}}, "prelude.chat.send").action_data == (
        '{"a":{"value_usd":"x"},"b":[1,{"c":2}]}'
    )


def test_data_may_be_json_text_and_gives_the_same_row(row_of: RowOf) -> None:
    data = {"deal_name": "D", "value_usd": 50000.0, "client_id": 9}
    uid = {"log.record.uid": UID}
    assert row_of(uid | {"prelude.action.data": json.dumps(data)}) == row_of(uid | {"prelude.action.data": data})


# result_data


def test_error_type_http_status_and_handler_ran_land_in_result_data(row_of: RowOf) -> None:
    values = {"error.type": "HTTPException", "http.response.status_code": 403, "prelude.handler.ran": False}
    row = row_of(values | {"prelude.result.data": {"detail": "no"}, "prelude.result.status": "error"})
    assert result_of(row) == {"detail": "no", "error_type": "HTTPException", "http_status": 403, "handler_ran": False}


def test_a_handler_that_ran_is_not_worth_a_word(row_of: RowOf) -> None:
    assert row_of({"prelude.handler.ran": True}).result_data is None


# duration_ms, trace


@pytest.mark.parametrize(
    ("nanoseconds", "milliseconds"),
    [(0, 0), (499_999, 0), (500_000, 1), (2_500_000, 3), (-5, 0), (2**62, 2**31 - 1), ("1500000", 2), (1e6, 1)],
)
def test_a_measured_length_is_the_duration_at_once(row_of: RowOf, nanoseconds: Any, milliseconds: int) -> None:
    row = row_of({"prelude.span.duration_ns": nanoseconds})
    assert (row.duration_ms, row.waits) == (milliseconds, False)


def test_without_one_a_row_in_a_span_waits(row_of: RowOf) -> None:
    row = row_of()
    assert (row.duration_ms, row.waits) == (None, True)
    assert (row.trace_id, row.span_id) == ("000102030405060708090a0b0c0d0e0f", "08090a0b0c0d0e0f")


@pytest.mark.parametrize(
    "fields",
    [{"trace_id": b""}, {"span_id": b""}, {"trace_id": bytes(16)}, {"span_id": bytes(8)}, {"trace_id": b"short"}],
)
def test_without_a_trace_there_is_nothing_to_wait_for(row_of: RowOf, fields: dict[str, bytes]) -> None:
    assert not row_of(**fields).waits


def test_a_fact_without_duration_waits_for_nothing(row_of: RowOf) -> None:
    assert not row_of({"prelude.span.join": False}).waits


def test_ruling_19_the_ending_record_names_the_pending_one(row_of: RowOf) -> None:
    assert row_of({"prelude.completes": UID}).completes_event_id == UID
    assert row_of({"prelude.completes": "order-7"}).completes_event_id == event_id_from_uid("order-7")


# content_hash


def test_the_content_hash_is_over_everything_but_the_duration(row_of: RowOf) -> None:
    values = {"log.record.uid": UID, "prelude.action.data": {"a": 1, "b": 2}}
    plain = row_of(values)
    assert len(plain.content_hash) == 16
    assert row_of(values | {"prelude.span.duration_ns": 5}).content_hash == plain.content_hash
    assert row_of(values | {"prelude.action.data": {"b": 2, "a": 1}}).content_hash == plain.content_hash
    assert row_of(values | {"unknown.attribute": 5}).content_hash == plain.content_hash
    assert row_of(values | {"prelude.tags": ["x"]}).content_hash != plain.content_hash


# probe


def test_the_probe_is_no_row(decode: Decode) -> None:
    decoded = decode({"prelude.probe.id": UID}, "prelude.probe")
    assert decoded.rows == []
    assert decoded.probes == [(UID, "crm-service", NOW_NS // 1000)]
