"""The ribbon of a session: where marks lie, and how pauses are folded."""

from __future__ import annotations

from prelude_dashboard.ribbon import ribbon


def test_marks_lie_in_order_within_the_drawing() -> None:
    drawn = ribbon([(0, 10), (20, 0), (90, 10)], 1000)
    assert [round(mark.x) for mark in drawn.marks] == [0, 199, 897]
    assert (len(drawn.parts), drawn.pauses) == (1, [])
    assert max(mark.x + mark.width for mark in drawn.marks) <= 1000


def test_a_long_pause_is_folded() -> None:
    drawn = ribbon([(0, 60), (7200, 60)], 1000)
    (pause,) = drawn.pauses
    assert pause.length == 7140
    assert [part.begin for part in drawn.parts] == [0, 7200]
    assert drawn.parts[0].width == drawn.parts[1].width
    assert drawn.marks[1].x == drawn.parts[1].x == drawn.parts[0].width + pause.width


def test_folds_leave_most_of_the_width_to_what_was_done() -> None:
    drawn = ribbon([(hour * 3600, 1) for hour in range(500)], 1000)
    assert sum(pause.width for pause in drawn.pauses) <= 350
    assert len(drawn.marks) == 500
    assert all(0 <= mark.x <= 1000 for mark in drawn.marks)


def test_what_lasts_longer_than_what_follows_makes_no_pause() -> None:
    assert ribbon([(0, 4000), (10, 1), (3900, 1)], 1000).pauses == []


def test_nothing_has_no_marks() -> None:
    assert ribbon([], 1000) == ([], [], [])
