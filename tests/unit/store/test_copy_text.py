"""COPY text read back by the rules of PostgreSQL's manual is what went in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prelude_store.copy_text import COPY_COLUMNS, copy_statement, copy_text
from tests.support.rows import make_row

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
AWKWARD = st.sampled_from(["", "\\", "\\N", "\x7f", "\t", "\n", "\r\n", "\\.", "None", "\\\x7f", "a\x7f", "\x7fb"])
VALUE = st.none() | TEXT | AWKWARD

ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def read_copy(text: bytes) -> list[dict[str, str | None]]:
    """Fields of COPY's text format with NULL as DEL: split first, compare with NULL, then unescape."""
    lines = text.decode().split("\n")
    assert lines.pop() == ""
    found = []
    for line in lines:
        fields = line.split("\t")
        assert len(fields) == len(COPY_COLUMNS)
        values = [
            None
            if field == "\x7f"
            else re.sub(r"\\(.)", lambda match: ESCAPED.get(match[1], match[1]), field, flags=re.DOTALL)
            for field in fields
        ]
        found.append(dict(zip(COPY_COLUMNS, values, strict=True)))
    return found


@given(st.lists(st.tuples(VALUE, VALUE, TEXT | AWKWARD, VALUE), min_size=1, max_size=4))
@example([("\x7f", None, "\x7f", "\\\x7f")])
def test_texts_arrive_as_they_were_given(texts: list[tuple[str | None, str | None, str, str | None]]) -> None:
    rows = [make_row(user_email=a, page_url=b, action_name=c, result_data=d) for a, b, c, d in texts]
    read = read_copy(copy_text(rows, 3, 100))
    for index, (row, fields) in enumerate(zip(rows, read, strict=True)):
        given_texts = row._asdict()
        for name in (
            "user_email",
            "page_url",
            "action_name",
            "result_data",
            "action_data",
            "event_id",
            "action_category",
        ):
            assert fields[name] == given_texts[name]
        assert (fields["lane"], fields["lane_seq"]) == ("3", str(100 + index))
        assert fields["content_hash"] == f"\\x{row.content_hash.hex()}"


@pytest.mark.parametrize(
    ("timestamp_us", "text"),
    [
        (0, "1970-01-01 00:00:00.000000+00"),
        (1_763_900_000_000_001, "2025-11-23 12:13:20.000001+00"),
        (-1, "1969-12-31 23:59:59.999999+00"),
        (951_782_400_999_999, "2000-02-29 00:00:00.999999+00"),
    ],
)
def test_times_are_exact_to_the_microsecond(timestamp_us: int, text: str) -> None:
    (fields,) = read_copy(copy_text([make_row(timestamp_us=timestamp_us)], 1, 1))
    assert fields["timestamp"] == text


def test_the_prefix_of_a_second_is_not_kept_for_the_next() -> None:
    rows = [make_row(timestamp_us=second * 1_000_000) for second in (1, 1, 2, 1)]
    assert [fields["timestamp"] for fields in read_copy(copy_text(rows, 1, 1))] == [
        f"1970-01-01 00:00:0{second}.000000+00" for second in (1, 1, 2, 1)
    ]


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        (None, None),
        ((), "{}"),
        (("vip", "eu"), '{"vip","eu"}'),
        (('say "hi"', "back\\slash", "NULL", ""), '{"say \\"hi\\"","back\\\\slash","NULL",""}'),
        (("tab\there",), '{"tab\there"}'),
    ],
)
def test_arrays_are_quoted_as_arrays_and_escaped_as_copy(tags: Any, text: str | None) -> None:
    (fields,) = read_copy(copy_text([make_row(tags=tags, personal_paths=tags)], 1, 1))
    assert fields["tags"] == fields["personal_paths"] == text


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        copy_text([make_row(user_agent="\ud800")], 1, 1)


def test_the_statement_names_every_column_in_the_order_of_the_text() -> None:
    named = re.findall(r'"(\w+)"', copy_statement("some_table"))
    assert named == list(COPY_COLUMNS)
