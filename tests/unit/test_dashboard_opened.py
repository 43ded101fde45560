"""The panel of one row."""

from __future__ import annotations

from prelude_analytics.items import COLUMNS
from prelude_dashboard import opened


def test_every_field_of_a_row_is_shown_somewhere() -> None:
    in_the_head = {"timestamp", "duration_ms", "result_status"}
    assert set(opened._ORDER) | in_the_head == set(COLUMNS)
