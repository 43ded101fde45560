"""An id is a person where it is a whole value, and nothing within a text."""

from __future__ import annotations

import json

import pytest

from prelude_store.mentions.address import Address, AddressError
from prelude_store.mentions.content import ERASED, Content, changed_fields
from prelude_store.mentions.identifier import Identifier
from prelude_store.mentions.person import person_of

NOTHING = Content(None, None, None, None, None)
PATHS = ["action_data.owner", "result_data.who.id", "entity_id", "tags"]


def erased(person: Identifier, content: Content) -> Content:
    return changed_fields(content, PATHS, lambda value: person.replaced(value, ERASED))


@pytest.mark.parametrize("given", ["U-42", " u-42 ", "u-42"])
def test_it_is_named_by_itself_alone_in_any_case(given: str) -> None:
    person = person_of(given)
    assert (person.email, person.mentioned("U-42"), person.mentioned(" u-42\n")) == ("u-42", True, True)
    assert not any(person.mentioned(text) for text in ("u-421", "user u-42", "u-42@company.com", "", "u-4"))


def test_with_an_at_it_is_an_address() -> None:
    assert isinstance(person_of("ada@company.com"), Address)
    assert isinstance(person_of("DOMAIN\\ada lovelace"), Identifier)


@pytest.mark.parametrize("given", ["", "  ", "ada@", "@company.com", "a\x00b", "a\nb", "x" * 1001])
def test_what_is_neither_is_refused_in_words(given: str) -> None:
    with pytest.raises(AddressError, match="no address of a person"):
        person_of(given)


def test_whole_values_of_personal_fields_go_and_no_others() -> None:
    content = Content(
        "/u/42", "42", json.dumps({"owner": "42", "value": "42", "note": "42"}), '{"who": {"id": 42, "n": 42}}', ["42", "vip"]
    )  # fmt: skip
    found = erased(Identifier("42"), content)
    assert found.page_url == "/u/42"
    assert found.entity_id == ERASED
    assert json.loads(found.action_data or "") == {"owner": ERASED, "value": "42", "note": "42"}
    assert json.loads(found.result_data or "") == {"who": {"id": ERASED, "n": 42}}
    assert found.tags == [ERASED, "vip"]


def test_lists_and_maps_in_a_personal_field_are_looked_into_and_names_of_fields_stay() -> None:
    content = NOTHING._replace(action_data='{"owner": [1.50, {"42": 42, "b": ["42", 421]}]}')
    found = erased(Identifier("42"), content).action_data
    assert found == '{"owner":[1.50,{"42":"[erased]","b":["[erased]",421]}]}'


def test_content_that_names_somebody_else_stays_byte_for_byte() -> None:
    content = Content("/a", "421", '{"owner":  "u-421", "n": 1.00}', '{"who": "42"}', ["a"])
    assert erased(Identifier("42"), content) == content


@pytest.mark.parametrize("given", ["u-42", 'o"brien', "Ünal", "日本", "a_b%c", "DOMAIN\\ada"])
def test_the_quick_look_passes_over_no_row_that_holds_it(given: str) -> None:
    person = Identifier(given)
    words = json.dumps({"owner": given}, ensure_ascii=False).lower()
    assert any(all(needle in words for needle in needles) for needles in person.needles)
