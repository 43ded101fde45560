"""Data becomes what its declaration says, in emitter and exporter alike."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prelude_otel.catalogue import Activity, Field, builtin, conform
from prelude_otel.errors import CatalogueError

CATALOGUE = builtin()


def conformed(name: str, entity_id: str | None = None, **data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and misfits of a builtin activity."""
    return conform(CATALOGUE.resolve(name), data, entity_id)


def test_ruling_2_view_customer_always_carries_customer_id() -> None:
    assert conformed("crm.view_customer", "123") == ({"customer_id": 123}, {})
    assert conformed("crm.view_customer", "cus_9") == ({"customer_id": "cus_9"}, {})


def test_ruling_2_view_deal_carries_customer_id_when_it_is_known() -> None:
    assert conformed("crm.view_deal", "7", customer_id=5).data == {"customer_id": 5}  # type: ignore[attr-defined]
    assert conformed("crm.view_deal", "7") == ({}, {})


def test_ruling_3_client_id_stays_and_customer_id_is_the_same() -> None:
    assert conformed("crm.create_deal", client_id="123") == ({"client_id": 123, "customer_id": 123}, {})


def test_ruling_3_a_customer_id_of_its_own_is_kept() -> None:
    assert conformed("crm.create_deal", client_id=1, customer_id=2) == ({"client_id": 1, "customer_id": 2}, {})


@pytest.mark.parametrize(
    ("given_method", "stored"),
    [
        ("gmail_api", "gmail_api_v2"),
        ("outlook_api", "outlook_api_v2"),
        ("gmail_api_v2", "gmail_api_v2"),
        ("smtp", "smtp"),
        ("pigeon", "pigeon"),
    ],
)
def test_ruling_4_methods_are_normalised_and_unknown_ones_kept(given_method: str, stored: str) -> None:
    assert conformed("crm.send_email", method=given_method) == ({"method": stored}, {})


@pytest.mark.parametrize(
    ("given_value", "stored"), [("75000.0", 75000.0), (50000, 50000), (1.5, 1.5), (" 7 ", 7.0), ("1e3", 1000.0)]
)
def test_ruling_5_value_usd_is_a_number(given_value: Any, stored: float) -> None:
    assert conformed("crm.create_deal", value_usd=given_value) == ({"value_usd": stored}, {})
    data, rejected = conformed("crm.update_deal", updated_fields={"value_usd": given_value, "stage": "won"})
    assert data == {"updated_fields": {"value_usd": stored, "stage": "won"}}
    assert not rejected


@pytest.mark.parametrize(
    "value", ["50,000", "$5", "", "NaN", "inf", "1e999", True, [1], {"amount": 1}, math.nan, math.inf, "٣"]
)
def test_ruling_5_a_value_that_is_no_number_is_set_aside(value: Any) -> None:
    data, rejected = conformed("crm.create_deal", deal_name="Big", value_usd=value)
    assert data == {"deal_name": "Big"}
    assert list(rejected) == ["value_usd"]


def test_ruling_5_inside_a_map_it_is_set_aside_under_its_path() -> None:
    data, rejected = conformed("crm.update_deal", updated_fields={"value_usd": "a lot", "stage": "won"})
    assert data == {"updated_fields": {"stage": "won"}}
    assert rejected == {"updated_fields.value_usd": "a lot"}


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["above", "below"])
def test_a_whole_number_beyond_every_float_raises_nothing(number: int) -> None:
    for activity in CATALOGUE:
        conform(activity, dict.fromkeys(activity.fields, number))


@pytest.mark.parametrize("value", [1e300, "1e300", 2.0**63, -1e19])
def test_no_number_grows_beyond_64_bits(value: Any) -> None:
    for name, field in (("crm.view_customers_list", "customer_count"), ("crm.view_deal", "customer_id")):
        data, rejected = conformed(name, **{field: value})
        kept = data.get(field)
        assert not isinstance(kept, int) or -(2**63) <= kept < 2**63
        assert field in data or field in rejected


@pytest.mark.parametrize(
    ("declared", "value", "stored"),
    [
        ("text", 7, "7"),
        ("text", True, "true"),
        ("integer", "15", 15),
        ("integer", 15.0, 15),
        ("boolean", "True", True),
        ("boolean", " false ", False),
        ("id", "123", 123),
        ("id", "0123", "0123"),
        ("id", "-0", "-0"),
        ("id", 5.0, 5),
        ("id", "1" * 19, "1" * 19),
        ("map", {"a": 1}, {"a": 1}),
    ],
)
def test_values_of_another_type_are_coerced_where_nothing_is_lost(declared: str, value: Any, stored: Any) -> None:
    activity = Activity(type="crm", name="probe", fields={"x": Field(type=declared)})
    data, rejected = conform(activity, {"x": value})
    assert data == {"x": stored}
    assert type(data["x"]) is type(stored)
    assert not rejected


@pytest.mark.parametrize(
    ("declared", "value"),
    [("text", [1]), ("integer", 1.5), ("integer", True), ("boolean", 1), ("boolean", "yes"), ("id", 1.5), ("map", "x")],
)
def test_values_that_do_not_fit_are_set_aside(declared: str, value: Any) -> None:
    activity = Activity(type="crm", name="probe", fields={"x": Field(type=declared)})
    assert conform(activity, {"x": value}) == ({}, {"x": value})


def test_constants_win_and_empty_fields_are_left_out() -> None:
    data, rejected = conformed("crm.create_deal_meeting", deal_id=456, type="call", meeting_title=None)
    assert data == {"deal_id": 456, "type": "meeting"}
    assert not rejected


def test_what_is_not_declared_passes_as_it_is_and_the_given_data_is_not_changed() -> None:
    given_data: dict[str, Any] = {"extra": [1], "value_usd": "1"}
    assert conformed("crm.create_deal", **given_data)[0] == {"extra": [1], "value_usd": 1.0}
    assert given_data == {"extra": [1], "value_usd": "1"}


def test_an_alias_leads_to_no_other_alias() -> None:
    try:
        declared = Field(values=("b", "c"), aliases={"a": "b", "b": "c"})
    except CatalogueError:
        return
    once, _ = conform(activity := Activity(type="crm", name="probe", fields={"x": declared}), {"x": "a"})
    assert conform(activity, once).data == once


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["gmail_api", "12", "012", " 7", "1.50", "-0", "true", "1e30"])
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(["value_usd", "stage"]), scalars)


@given(st.sampled_from(list(CATALOGUE)), st.data())
@example(CATALOGUE.resolve("crm.create_deal"), None)
def test_conforming_twice_is_conforming_once(activity: Activity, data: st.DataObject | None) -> None:
    names = st.sampled_from([*activity.fields, "undeclared"])
    given_data = data.draw(st.dictionaries(names, values)) if data else {"value_usd": "x", "client_id": "1"}
    entity_id = data.draw(st.none() | st.text(max_size=9)) if data else None
    once = conform(activity, given_data, entity_id)
    twice = conform(activity, once.data, entity_id)
    assert repr(twice.data) == repr(once.data)
    assert not twice.rejected
