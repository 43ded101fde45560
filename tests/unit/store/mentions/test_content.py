"""What is taken out of a row, and what stays as it is."""

from __future__ import annotations

import json

from prelude_otel.catalogue import builtin
from prelude_store.mentions.address import Address
from prelude_store.mentions.content import ERASED, Content, changed, personal_paths, without_fields

ADA = Address("ada@x.com")
NOTHING = Content(None, None, None, None, None)


def erased(content: Content) -> Content:
    return changed(content, lambda text: ADA.replaced(text, ERASED))


def test_a_mention_goes_from_every_column_and_the_rest_stays() -> None:
    content = Content(
        "/crm/people/ada%40x.com", "ada@x.com", '{"to": ["carl@x.com", "Ada <ada@x.com>"], "ada@x.com": 1.10}',
        '{"n": 1e400, "by": "ada@x.com"}', ["vip", "ada@x.com"],
    )  # fmt: skip
    found = erased(content)
    assert found.page_url == "/crm/people/%5Berased%5D"
    assert found.entity_id == ERASED
    assert found.action_data == '{"to":["carl@x.com","Ada <[erased]>"],"[erased]":1.10}'
    assert found.result_data == '{"n":1e400,"by":"[erased]"}'
    assert found.tags == ["vip", ERASED]


def test_content_that_names_somebody_else_stays_byte_for_byte() -> None:
    content = Content("/a", "7", '{"to":  "carl@x.com", "n": 1.00}', None, ["a"])
    assert erased(content) == content


def test_personal_fields_go_as_a_whole_by_the_catalogue_and_by_the_row() -> None:
    paths = personal_paths(builtin(), "crm", "send_email", ["action_data.who.name", "action_data.a.b", "entity_id"])
    content = NOTHING._replace(
        action_data=json.dumps(
            {"to_email": "carl@x.com", "subject": None, "who": {"name": "C"}, "a.b": 3, "customer_id": 7}
        ),
        entity_id="9",
    )
    found = without_fields(content, paths)
    assert json.loads(found.action_data or "") == {
        "to_email": ERASED, "subject": None, "who": {"name": ERASED}, "a.b": ERASED, "customer_id": 7,
    }  # fmt: skip
    assert found.entity_id == ERASED
    assert without_fields(found, paths) == found


def test_a_path_that_leads_nowhere_changes_nothing() -> None:
    content = NOTHING._replace(action_data='{"a": [1, 2], "b": "x"}')
    assert (
        without_fields(content, ["action_data.a.c", "action_data.z", "other.b", "result_data.b", "action_data.b.c"])
        == content
    )
