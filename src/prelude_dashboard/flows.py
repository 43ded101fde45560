"""Where what of a flow lies: columns of boxes, and bands between them; pure geometry, which a template draws as SVG.

Heights are in units of the drawing; places across it are shares of its width, since it is as wide as the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Band", "Box", "Flow", "Joint", "Stop", "flow"]

Key: TypeAlias = str | None
"""What a box is of; None: all the others."""

_TALL: Final = 300.0
"""Height of all of the first column's boxes together."""
_SLOT: Final = 38.0
"""Height that a box has at least for its label."""
_LEAST: Final = 1.5
WIDTH: Final = 1000.0
_BOX: Final = 8.0


@dataclass(frozen=True, slots=True)
class Stop:
    """A box to be drawn."""

    key: Key
    count: int


@dataclass(frozen=True, slots=True)
class Joint:
    """A band to be drawn, from a box of one column to one of the next."""

    source: Key
    target: Key
    count: int


@dataclass(frozen=True, slots=True)
class Box:
    """A box; `column` from the left."""

    step: int
    key: Key
    count: int
    column: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Band:
    """A band, and the path of its outline."""

    step: int
    source: Key
    target: Key
    count: int
    outline: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole drawing."""

    boxes: list[Box]
    bands: list[Band]
    height: float


def flow(steps: Sequence[Sequence[Stop]], joints: Sequence[Sequence[Joint]], *, leftwards: bool = False) -> Flow:
    """Boxes of `steps`, a column each, and the bands of `joints` between them.

    Args:
        joints: from each step to the next.
        leftwards: the first step stands at the right.
    """
    total = sum(stop.count for stop in steps[0]) if steps else 0
    scale = _TALL / max(total, 1)
    columns = max(len(steps), 1)
    boxes: list[Box] = []
    height = 0.0
    for step, stops in enumerate(steps):
        column = columns - 1 - step if leftwards else step
        y = 0.0
        for stop in stops:
            tall = max(stop.count * scale, _LEAST)
            boxes.append(Box(step, stop.key, stop.count, column, column / columns, y, tall))
            y += max(tall + 8, _SLOT)
        height = max(height, y)
    return Flow(boxes, _bands(boxes, joints, scale, leftwards=leftwards), max(height, _SLOT))


def _bands(boxes: list[Box], joints: Sequence[Sequence[Joint]], scale: float, *, leftwards: bool) -> list[Band]:
    """Each box gives and takes its bands from above to below, in the order of the boxes that they join."""
    at = {(box.step, box.key): box for box in boxes}
    order = {place: number for number, place in enumerate(at)}
    given = dict.fromkeys(at, 0.0)
    taken = dict.fromkeys(at, 0.0)
    bands = []
    for step, some in enumerate(joints):
        for joint in sorted(some, key=lambda one: (order[step, one.source], order[step + 1, one.target])):
            source, target = (step, joint.source), (step + 1, joint.target)
            tall = max(joint.count * scale, _LEAST)
            start = (at[source].x * WIDTH + (0 if leftwards else _BOX), at[source].y + given[source])
            end = (at[target].x * WIDTH + (_BOX if leftwards else 0), at[target].y + taken[target])
            given[source] += joint.count * scale
            taken[target] += joint.count * scale
            bands.append(Band(step, joint.source, joint.target, joint.count, _outline(start, end, tall)))
    return bands


def _outline(start: tuple[float, float], end: tuple[float, float], tall: float) -> str:
    (x, y), (to, below) = start, end
    half = (x + to) / 2
    return (
        f"M{x:.1f} {y:.1f}C{half:.1f} {y:.1f} {half:.1f} {below:.1f} {to:.1f} {below:.1f}V{below + tall:.1f}"
        f"C{half:.1f} {below + tall:.1f} {half:.1f} {y + tall:.1f} {x:.1f} {y + tall:.1f}Z"
    )
