"""The catalogue holds what the reference lists, and services add their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import prelude_otel
from prelude_otel import state
from prelude_otel.catalogue import Activity, Catalogue, Field, builtin, load
from prelude_otel.errors import CatalogueError, UnknownActivityError

# The reference, "Logged Activities by Category": number, action name, entity type, entity id given, page, example of action data.
REFERENCE: list[tuple[str, str, str, bool, str, dict[str, Any]]] = [
    ("1.1", "view_customers_list", "customer", False, "/crm/customers", {"customer_count": 50}),
    ("1.2", "view_customer", "customer", True, "/crm/customers/{customer_id}", {}),
    (
        "1.3",
        "search_customers",
        "customer",
        False,
        "/crm/customers/search",
        {"search_query": "acme corp", "results_count": 5},
    ),
    ("2.1", "view_deals_list", "deal", False, "/crm/deals", {"deal_count": 25}),
    ("2.2", "view_deal", "deal", True, "/crm/deals/{deal_id}", {}),
    (
        "2.3",
        "create_deal",
        "deal",
        True,
        "/crm/deals",
        {"deal_name": "Enterprise Contract", "value_usd": 50000.0, "client_id": 123},
    ),
    (
        "2.4",
        "update_deal",
        "deal",
        True,
        "/crm/deals/{deal_id}",
        {"updated_fields": {"stage": "negotiation", "value_usd": "75000.0", "expected_close_date": "2025-12-31"}},
    ),
    ("2.5", "delete_deal", "deal", True, "/crm/deals/{deal_id}", {}),
    ("2.6", "create_deal_note", "note", True, "/crm/deals/{deal_id}/activities", {"deal_id": 456}),
    ("2.7", "delete_deal_note", "note", True, "/crm/deals/{deal_id}/activities", {"deal_id": 456}),
    (
        "2.8",
        "create_deal_call_summary",
        "interaction",
        True,
        "/crm/deals/{deal_id}/activities",
        {"deal_id": 456, "type": "call"},
    ),
    (
        "2.9",
        "delete_deal_call_summary",
        "interaction",
        True,
        "/crm/deals/{deal_id}/activities",
        {"deal_id": 456, "type": "call"},
    ),
    (
        "2.10",
        "create_deal_meeting",
        "interaction",
        True,
        "/crm/deals/{deal_id}/activities",
        {"deal_id": 456, "type": "meeting", "meeting_title": "Quarterly Business Review"},
    ),
    ("2.11", "view_deal_activities", "deal", True, "/crm/deals/{deal_id}/activities", {"activities_count": 15}),
    ("3.1", "generate_email", "email", False, "/crm/email/generate", {"customer_id": 123, "email_type": "followup"}),
    (
        "3.2",
        "send_email",
        "email",
        False,
        "/crm/email/send",
        {
            "to_email": "customer@company.com",
            "subject": "Follow-up on our discussion",
            "customer_id": 123,
            "deal_id": 456,
            "method": "gmail_api_v2",
        },
    ),
    (
        "4.1",
        "generate_interaction_summary",
        "summary",
        False,
        "/crm/customers/{customer_id}/summary",
        {
            "customer_id": 123,
            "days_back": 30,
            "agent_used": "NextActionInsightAgent",
            "interactions_analyzed": 15,
        },
    ),
    (
        "4.2",
        "view_interaction_summary",
        "summary",
        False,
        "/crm/customers/{customer_id}/summary",
        {"customer_id": 123, "from_cache": True},
    ),
]
ADDED_BY_RULINGS = {"view_customer": {"customer_id"}, "view_deal": {"customer_id"}, "create_deal": {"customer_id"}}


@pytest.mark.parametrize(
    ("name", "entity", "has_id", "page", "data"), [row[1:] for row in REFERENCE], ids=[row[0] for row in REFERENCE]
)
def test_an_activity_of_the_reference_is_declared_as_it_says(
    name: str, entity: str, has_id: bool, page: str, data: dict[str, Any]
) -> None:
    declared = builtin().resolve(f"crm.{name}")
    assert (declared.type, declared.name, declared.entity, declared.page) == ("crm", name, entity, page)
    assert (declared.entity_id is not None) is has_id
    assert set(declared.fields) - ADDED_BY_RULINGS.get(name, set()) == set(data)
    assert declared.event_name == f"prelude.crm.{name}"


@pytest.mark.parametrize(("name", "data"), [(row[1], row[5]) for row in REFERENCE], ids=[row[0] for row in REFERENCE])
def test_the_references_own_data_fits(name: str, data: dict[str, Any]) -> None:
    from prelude_otel.catalogue import conform

    conformed = conform(builtin().resolve(f"crm.{name}"), data)
    assert not conformed.rejected
    expected = {**data, **({"customer_id": 123} if name == "create_deal" else {})}
    if name == "update_deal":
        expected["updated_fields"] = {**expected["updated_fields"], "value_usd": 75000.0}
    assert conformed.data == expected


def test_the_catalogue_holds_the_eighteen_and_no_other() -> None:
    assert [activity.key for activity in builtin()] == [f"crm.{row[1]}" for row in REFERENCE]


def test_ruling_14_fields_about_third_parties_are_marked_personal() -> None:
    personal = {activity.name: activity.personal for activity in builtin() if activity.personal}
    assert personal == {
        "search_customers": ("action_data.search_query",),
        "send_email": ("action_data.to_email", "action_data.subject"),
    }


def test_personal_keys_of_maps_have_paths() -> None:
    inner = Field(type="map", fields={"phone": Field(personal=True), "city": Field()})
    assert Activity(type="crm", name="x", fields={"to": inner}).personal == ("action_data.to.phone",)


def test_a_service_declares_an_activity_of_its_own() -> None:
    declared = prelude_otel.declare(
        "task_management.close_task",
        entity="task",
        entity_id="task_id",
        page="/tasks/{task_id}",
        category="task",
        fields={"hours": "number", "note": Field(personal=True), "tools": {"type": "map", "fields": {"n": "integer"}}},
    )
    assert state.declared.resolve("task_management.close_task") is declared
    assert declared.fields["hours"].type == "number"
    assert declared.fields["tools"].fields["n"].type == "integer"
    assert declared.personal == ("action_data.note",)


def test_ruling_15_activities_of_each_of_the_eleven_types_can_be_declared() -> None:
    from prelude_otel.contract.vocabulary import ACTION_TYPES

    for type_ in ACTION_TYPES:
        assert prelude_otel.declare(f"{type_}.probe").type == type_


def test_the_same_declaration_twice_is_one() -> None:
    assert prelude_otel.declare("crm.x", fields={"a": "text"}) == prelude_otel.declare("crm.x", fields={"a": "text"})


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("archive", {}, r"'archive' is not type\.name, like 'crm\.archive_deal'"),
        ("sales.archive", {}, r"action type 'sales' of 'archive' is unknown; choose one of analytics, .*upload"),
        ("crm.ArchiveDeal", {}, r"action name 'ArchiveDeal' is not in lower snake case"),
        ("crm.x", {"entity_id": "deal_id"}, r"crm\.x: entity_id 'deal_id' is the id of what\? Give `entity`"),
        ("crm.x", {"pages": "/"}, r"crm\.x: unknown key 'pages'; known are category, entity"),
        ("crm.x", {"page": 7}, r"crm\.x: page is text, got 7"),
        ("crm.x", {"fields": ["a"]}, r"crm\.x: fields is a table of fields, got \['a'\]"),
        ("crm.x", {"fields": {"a": 7}}, r"crm\.x\.a: a field is a type or a table, got 7"),
        ("crm.x", {"fields": {"a": "money"}}, r"crm\.x\.a: field type 'money' is unknown; choose one of text, number"),
        ("crm.x", {"fields": {"a": {"kind": "text"}}}, r"crm\.x\.a: unknown key 'kind'; known are aliases"),
        ("crm.x", {"fields": {"a": {"fields": {"b": "text"}}}}, r"crm\.x\.a: a field of type 'text' has no keys"),
        ("crm.x", {"fields": {"a": {"constant": 1, "same_as": "b"}}}, r"either `constant` or `same_as`"),
        ("crm.x", {"fields": {"a": {"same_as": "b"}}}, r"field 'a' is same_as 'b', which is no field of it"),
        ("crm.x", {"fields": {"a": {"aliases": {"x": "y"}}}}, r"aliases lead to \['y'\], which `values` does not name"),
        ("crm.create_deal", {}, r"'crm\.create_deal' is declared twice, differently"),
    ],
)
def test_a_wrong_declaration_says_what_and_how_to_mend_it(name: str, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        prelude_otel.declare(name, **entry)


TOML = """
[calendar.book_meeting]
category = "meeting"
entity = "meeting"
entity_id = "meeting_id"
page = "/meetings/{meeting_id}"
fields.minutes = { type = "integer" }
fields.guest = { type = "text", personal = true }
"""
YAML = """
calendar:
  book_meeting:
    category: meeting
    entity: meeting
    entity_id: meeting_id
    page: /meetings/{meeting_id}
    fields:
      minutes: integer
      guest: {type: text, personal: true}
"""


def test_toml_and_yaml_declare_the_same(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TOML)
    (tmp_path / "own.yaml").write_text(YAML)
    (tmp_path / "own.yml").write_text(YAML)
    (from_toml,) = load(tmp_path / "own.toml")
    assert (from_toml,) == load(str(tmp_path / "own.yaml")) == load(tmp_path / "own.yml")
    assert from_toml.personal == ("action_data.guest",)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("own.toml", "[crm", "is not TOML"),
        ("own.yaml", "a: [", "is not YAML"),
        ("own.json", "{}", r"must end in \.toml, \.yaml or \.yml"),
        ("own.yaml", "[]", r"expected tables \[<type>\.<name>\], got list"),
        ("own.yaml", "", r"expected tables \[<type>\.<name>\], got NoneType"),
        ("own.toml", "crm = 1", r"expected tables \[crm\.<name>\], got 1"),
        ("own.toml", "crm.x = 1", r"crm\.x: expected a table, got 1"),
        ("own.toml", "[sales.x]", r"action type 'sales'"),
        ("own.toml", "[crm.x]\nfields.a = {aliases = 5}", r"crm\.x\.a"),
        ("own.toml", "[crm.x]\nfields.a = {values = 5}", r"crm\.x\.a"),
        ("own.toml", "[crm.x]\nfields.a = {type = ['text']}", r"crm\.x\.a"),
    ],
)
def test_a_faulty_file_is_named_with_its_fault(tmp_path: Path, file: str, content: str, message: str) -> None:
    path = tmp_path / file
    path.write_text(content)
    with pytest.raises(CatalogueError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"missing\.toml can't be read: .*No such file"):
        load(tmp_path / "missing.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogueError, match="can't be read"):
        load(tmp_path / "own.toml")


def test_an_unknown_name_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownActivityError, match=r"'crm\.view_custmer'; did you mean 'crm\.view_customer'\?"):
        builtin().resolve("crm.view_custmer")
    with pytest.raises(UnknownActivityError, match=r"no activity is called 'zzz'; Declare it with"):
        builtin().resolve("zzz")


def test_a_catalogue_is_a_set_by_name() -> None:
    catalogue = Catalogue([Activity(type="crm", name="a")])
    assert "crm.a" in catalogue
    assert catalogue.get("crm.b") is None
    assert [activity.key for activity in catalogue] == ["crm.a"]
    assert len(catalogue) == 1
