"""What a spreadsheet would take for a formula is a text in a CSV; everything else stays as it is."""

from __future__ import annotations

import csv
import io

import pytest

from prelude_analytics.answers.export import csv_lines, defused
from prelude_analytics.items import COLUMNS

FORMULAS = [
    before + formula
    for before in (
        "",
        " ",
        "   ",
        "\t",
        "\r",
        "\n",
        "\r\n",
        " \t ",
        "\u00a0",
        "\u3000",
        "\u200b",
        "\ufeff",
        "\x0b",
        "\x1f",
    )
    for formula in ("=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠x")
]


@pytest.mark.parametrize("text", [*FORMULAS, "\tname", "\rname", "\nname"])
def test_a_formula_is_a_text(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "a", "a=1", "Ada", "/crm/deals?a=1", "1-2", "x@y.com", " name", "é", "'=1", "1", "(none)"]
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert defused(text) == text


def test_every_column_of_text_is_defused_and_comes_back_whole() -> None:
    item = dict.fromkeys(COLUMNS, '=a,"b"\r\n;c')
    (row,) = csv.DictReader(io.StringIO(csv_lines([item], True).decode(), newline=""))
    assert set(row.values()) == {'\'=a,"b"\r\n;c'}


def test_numbers_stay_numbers() -> None:
    item = dict.fromkeys(COLUMNS) | {"duration_ms": -5, "action_data": {"=a": "=b"}, "tags": ["=c"]}
    (row,) = csv.DictReader(io.StringIO(csv_lines([item], True).decode()))
    assert (row["duration_ms"], row["action_data"], row["tags"]) == ("-5", '{"=a":"=b"}', '["=c"]')
