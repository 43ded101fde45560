"""What an activity was about, in one line."""

from __future__ import annotations

from prelude_dashboard.brief import brief
from prelude_dashboard.state import askable


def test_the_first_few_fields_are_said_as_text() -> None:
    data = {"customer_id": 7, "deal_name": "Big <b>", "tags": ["a"], "x": None, "y": 1, "z": 2}
    assert brief(data, "7") == 'deal name: Big <b>, tags: ["a"], x: null, y: 1'
    assert brief(None) == brief({}) == ""


def test_what_was_changed_is_said_by_its_own_names() -> None:
    assert (
        brief({"updated_fields": {"stage": "won", "value_usd": 5}, "note": "n"}) == "stage: won, value usd: 5, note: n"
    )


def test_a_long_text_is_cut() -> None:
    assert brief({"note": "n" * 10_000}) == f"note: {'n' * 60}…"


def test_a_value_is_asked_for_only_where_a_filter_finds_it() -> None:
    assert askable("user@company.com")
    assert not any(askable(value) for value in (None, "", "l" * 501, f"{'l' * 40}…{'0af9' * 8}"))
