"""Pure parts of the dashboard: addresses, geometry, words."""

from __future__ import annotations

import tomllib
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from prelude_analytics.parameters import ParameterError
from prelude_dashboard import charts, table, words
from prelude_dashboard.assets import assets
from prelude_dashboard.state import State

VENDOR = Path(__file__).parents[1] / "browser" / "vendor"


def test_an_address_keeps_what_does_not_change() -> None:
    state = State.of([("days", "30"), ("action_type", "crm"), ("cursor", "c"), ("tz", "Asia/Tokyo"), ("q", "")])
    assert state.url("/activities", open="row") == (
        "/analytics/activities?action_type=crm&cursor=c&days=30&open=row&tz=Asia%2FTokyo"
    )


def test_another_filter_or_range_begins_the_list_anew() -> None:
    state = State.of([("days", "30"), ("cursor", "c"), ("as_of", "w"), ("open", "row")])
    assert state.url("", action_type="crm") == "/analytics?action_type=crm&days=30"
    assert state.url("", from_="2026-01-01") == "/analytics?from=2026-01-01"


def test_parts_that_a_form_gives_one_by_one_are_one_value() -> None:
    state = State.of([("columns.user", "1"), ("days", "7"), ("columns.page", "1")])
    assert state.url("/activities") == "/analytics/activities?columns=user~page&days=7"
    assert table.chosen(state) == ("user", "page")
    assert table.chosen(State.of([("columns", "page~user")])) == ("user", "page")
    assert table.chosen(State()) == table.USUAL
    with pytest.raises(ParameterError, match="colour"):
        table.chosen(State.of([("columns.colour", "1")]))


def test_bars_stand_on_each_other_and_reach_the_scale() -> None:
    drawn = charts.stack([("a", [2, 0]), ("b", [2, 4])], 100, 40)
    assert drawn.top == 4
    assert [(bar.key, bar.step, bar.y, bar.height) for bar in drawn.bars] == [
        ("a", 0, 20, 20),
        ("b", 0, 0, 20),
        ("b", 1, 0, 40),
    ]


def test_thin_parts_can_be_hit_and_no_part_lies_over_another() -> None:
    for counts in ([1000, 1, 2, 1], [1, 0, 3, 0], [600, 1, 400, 1], [5, 5, 5, 5]):
        drawn = charts.stack([(str(place), [count, 1000]) for place, count in enumerate(counts)], 720, 176)
        column = [bar for bar in drawn.bars if bar.step == 0]
        reaches = [bar.reach for bar in column if bar.reach]
        assert len(reaches) == len(column) == sum(count > 0 for count in counts)
        assert min(reach.height for reach in reaches) >= 8
        for lower, upper in pairwise(reaches):
            assert upper.y + upper.height == pytest.approx(lower.y)
        # Each is about where it is drawn.
        assert all(
            reach.y - 24 <= bar.y <= reach.y + reach.height + 24 for bar, reach in zip(column, reaches, strict=True)
        )


def test_a_column_as_tall_as_the_scale_gives_its_thin_parts_room_below_the_top() -> None:
    drawn = charts.stack([("a", [999]), ("b", [1])], 100, 176)
    assert [round(bar.reach.y) for bar in drawn.bars if bar.reach] == [8, 0]


def test_a_line_is_drawn_where_there_is_something_to_see() -> None:
    assert charts.spark([0, 0, 0]) == charts.spark([3]) == charts.spark([None, 2]) == ""
    assert charts.spark([0, 4, 0]).startswith("M0.0 23.0L50.0 1.0")


def test_a_line_breaks_where_nothing_is_known_and_a_value_alone_is_a_dot() -> None:
    assert charts.line([0, 10, None, 5], 90, 12, 0, 10) == "M0.0 11.0L30.0 1.0M90.0 6.0h0"
    assert charts.line([None, 5, None], 90, 12, 0, 10) == "M45.0 6.0h0"
    assert charts.line([None, None], 90, 12, 0, 10) == ""


def test_a_scale_is_round_and_holds_the_largest() -> None:
    for most in range(3000):
        drawn = charts.stack([("a", [most])], 100, 40)
        assert drawn.top >= max(most, 1)
        assert len(drawn.ticks) <= 6


def test_numbers_are_grouped_and_lengths_have_units() -> None:
    assert words.number(1234567) == "1\u202f234\u202f567"
    assert [words.lasted(each) for each in (None, 12, 3400, 120_000, 7_200_000)] == [
        "–",
        "12 ms",
        "3.4 s",
        "2 min",
        "2.0 h",
    ]
    assert words.lasted(-72) == "−72 ms"
    assert [words.size(each) for each in (None, 0, 999, 57_344, 12_400_000, 250_000_000)] == [
        "–",
        "0 B",
        "999 B",
        "57.3 kB",
        "12.4 MB",
        "250 MB",
    ]
    assert [words.change(each) for each in (None, 0.5, -0.25, 12)] == ["–", "+50 %", "−25 %", "×13"]


def test_scripts_are_less_than_100_kb_compressed() -> None:
    assert sum(len(each.zipped) for each in assets().values() if each.name.endswith(".js")) < 100_000


def test_what_is_vendored_is_what_the_manifest_says() -> None:
    manifest = tomllib.loads((VENDOR / "manifest.toml").read_text(encoding="utf-8"))
    for name, entry in manifest.items():
        assert sha256((VENDOR / name).read_bytes()).hexdigest() == entry["sha256"]
