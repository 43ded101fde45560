"""Whatever a row holds: the compiled text of COPY is the Python one, or it leaves the rows to that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prelude_store.copy_text import copy_text
from prelude_store.row import ActivityRow
from tests.support.rows import make_row

prelude_native = pytest.importorskip(
    "prelude_native", reason="prelude-otel-native is not installed (make native installs it where there is cargo)"
)

texts = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.text('ab\\"\t\n\r\x7f{},é'))
lists = st.none() | st.lists(texts, max_size=3).map(tuple)
cells: dict[str, st.SearchStrategy[Any]] = {
    "timestamp_us": st.integers(0, 253_402_300_799_999_999),
    "user_email": st.none() | texts,
    "action_name": texts,
    "page_url": st.none() | texts,
    "action_data": st.none() | texts,
    "result_data": st.none() | texts,
    "duration_ms": st.none() | st.integers(0, 2**31 - 1),
    "tags": lists,
    "completes_event_id": st.none() | st.uuids().map(str),
    "personal_paths": lists,
    "content_hash": st.binary(min_size=16, max_size=16),
}
rows = st.fixed_dictionaries(cells).map(lambda changes: make_row(**changes))


@settings(max_examples=300, deadline=None)
@given(st.lists(rows, max_size=4), st.integers(1, 9), st.integers(1, 2**60))
def test_any_rows(batch: list[ActivityRow], lane: int, first_seq: int) -> None:
    lines = prelude_native.copy_text(batch, lane, first_seq)
    if lines is None:  # the sign of NULL in a text
        assert any("\x7f" in text for row in batch for text in texts_of(row))
    else:
        assert lines == copy_text(batch, lane, first_seq)


def texts_of(row: ActivityRow) -> Iterator[str]:
    for cell in row:
        yield from [cell] if isinstance(cell, str) else cell if isinstance(cell, tuple) else []


@pytest.mark.parametrize(
    "changes",
    [
        {"page_url": "\ud800"},
        {"tags": ("\udfff",)},
        {"timestamp_us": -1},
        {"timestamp_us": 2**60},
        {"page_url": 5},
        {"page_url": "\x7f"},
    ],
)
def test_what_is_odd_is_left_to_python(changes: dict[str, Any]) -> None:
    assert prelude_native.copy_text([make_row(), make_row(**changes)], 1, 1) is None
