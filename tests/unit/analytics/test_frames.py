"""Parts of frames, and what is derived from them, are made once for as long as the same rows are asked for."""

from __future__ import annotations

import numpy as np

from prelude_analytics.figures.frames import Frame


def frame(size: int = 100) -> Frame:
    return Frame({"bucket": np.arange(size), "count": np.arange(size) * 2})


def test_the_same_rows_are_the_same_frame_and_others_are_not() -> None:
    whole = frame()
    part = whole.between(10, 20)
    assert part["count"].tolist() == list(range(20, 40, 2))
    assert whole.between(10, 20) is part
    assert whole.between(10, 21) is not part
    assert whole.between(0, 100) is whole
    assert frame().between(10, 20) is not part


def test_what_is_derived_is_made_once_for_a_name_and_a_part() -> None:
    whole, made = frame(), list[str]()

    def make(name: str, of: Frame) -> int:
        return of.derived(name, lambda: made.append(name) or int(of["count"].sum()))  # type: ignore[func-returns-value]

    assert [
        make("sum", whole),
        make("sum", whole),
        make("sum", whole.between(0, 2)),
        make("sum", whole.between(0, 2)),
    ] == [9900, 9900, 2, 2]
    assert make("again", whole) == 9900
    assert made == ["sum", "sum", "again"]


def test_few_parts_are_remembered() -> None:
    whole = frame()
    first = whole.between(0, 1)
    for end in range(2, 90):
        assert len(whole.between(0, end)) == end
    assert whole.between(0, 1) is not first
    assert len(whole._parts) < 20
