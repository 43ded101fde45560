"""Boxes and bands of a flow: nothing overlaps, and as much leaves a box as it has."""

from __future__ import annotations

import re

from prelude_dashboard.flows import Joint, Stop, flow

STEPS = [[Stop("a", 6), Stop(None, 2)], [Stop("b", 4), Stop("c", 3)]]
JOINTS = [[Joint(None, "c", 1), Joint("a", "c", 2), Joint("a", "b", 4)]]


def test_boxes_of_a_column_stand_below_each_other_as_tall_as_their_counts() -> None:
    drawn = flow(STEPS, JOINTS)
    first, second, third, _ = drawn.boxes
    assert (first.column, second.column, third.column) == (0, 0, 1)
    assert first.height == 3 * second.height
    assert second.y > first.y + first.height
    assert all(box.y + box.height < drawn.height for box in drawn.boxes)


def test_bands_leave_a_box_one_below_the_other() -> None:
    drawn = flow(STEPS, JOINTS)
    assert [(band.source, band.target) for band in drawn.bands] == [("a", "b"), ("a", "c"), (None, "c")]
    tops = [float(re.match(r"M[\d.]+ ([\d.]+)C", band.outline)[1]) for band in drawn.bands]  # type: ignore[index]
    assert tops == [0.0, drawn.boxes[0].height / 6 * 4, drawn.boxes[1].y]


def test_what_comes_before_stands_to_the_left() -> None:
    drawn = flow(STEPS, JOINTS, leftwards=True)
    assert [box.column for box in drawn.boxes] == [1, 1, 0, 0]


def test_of_nothing_nothing_is_drawn() -> None:
    assert flow([], []).boxes == []
    assert [box.height for box in flow([[Stop("a", 1)]], []).boxes] == [300.0]
