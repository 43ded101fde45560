"""Where the marks of charts lie: pure geometry, which templates draw as SVG. Lengths in units of the drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Bar", "Reach", "Stack", "Tick", "level", "line", "spark", "split", "stack"]

_GAP: Final = 0.22
"""Share of a step that stays empty between bars."""
_LEVELS: Final = 6
_THINNEST: Final = 0.75
"""Height of a part that is next to nothing: it can be seen."""
_REACH: Final = 8.0
"""Height in which a pointer finds a part at least."""


class Reach(NamedTuple):
    """Where a pointer finds a part of a column: all of its slot, and never less than a hand can hit."""

    x: float
    y: float
    width: float
    height: float


class Bar(NamedTuple):
    """A part of a stacked bar; `reach` of one that stands."""

    key: str
    step: int
    amount: int
    x: float
    y: float
    width: float
    height: float
    reach: Reach | None = None


class Tick(NamedTuple):
    """A line of the scale."""

    value: int
    y: float


class Stack(NamedTuple):
    """A chart of stacked bars."""

    bars: list[Bar]
    ticks: list[Tick]
    top: int


def stack(series: Sequence[tuple[str, Sequence[int]]], width: float, height: float) -> Stack:
    """Bars, a column for each step and a part for each series, the first at the bottom."""
    steps = len(series[0][1]) if series else 0
    totals = [sum(counts[place] for _, counts in series) for place in range(steps)]
    top, ticks = _scale(max(totals, default=0))
    slot = width / max(steps, 1)
    gap = min(slot * _GAP, 8)
    bars = []
    for place in range(steps):
        parts = [(key, counts[place]) for key, counts in series if counts[place]]
        heights = [max(count / top * height, _THINNEST) for _, count in parts]
        y = height
        for (key, count), tall, (at, long) in zip(parts, heights, _reaches(heights, height), strict=True):
            y -= tall
            reach = Reach(place * slot, at, slot, long)
            bars.append(Bar(key, place, count, place * slot + gap / 2, max(y, 0), slot - gap, tall, reach))
    return Stack(bars, [Tick(value, height - value / top * height) for value in ticks], top)


def _reaches(heights: Sequence[float], bottom: float) -> list[tuple[float, float]]:
    """Top and height of the reach of each part of one column, the lowest first; none lies over another.

    Thin parts take what they need half from the tallest one, and half from the room above the column, so that each stays about where it is
    drawn; where there is no room above, all of it from the tallest.
    """
    reaches = [max(tall, _REACH) for tall in heights]
    more = sum(reaches) - sum(heights)
    if more:
        tallest = max(range(len(heights)), key=heights.__getitem__)
        room = bottom - sum(heights)
        reaches[tallest] -= min(max(more / 2, more - room), max(heights[tallest] - _REACH, 0.0))
    found = []
    for long in reaches:
        bottom -= long
        found.append((bottom, long))
    return found


def spark(values: Sequence[float | None], width: float = 100, height: float = 24) -> str:
    """The path of a small line without axes; an empty one where there is nothing to see: fewer than two values, or naught alone."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or not any(known):  # noqa: PLR2004 (a line has two ends)
        return ""
    low, high = min(0.0, *known), max(known) or 1.0
    return line(values, width, height, low, high)


def line(values: Sequence[float | None], width: float, height: float, low: float, high: float) -> str:
    """The path of a line through `values`, which breaks where one is None; one that stands alone is a line of no length, with round ends a dot."""
    apart = width / max(len(values) - 1, 1)
    parts = []
    around = [None, *values, None]
    for place, (before, value, after) in enumerate(zip(around, values, around[2:], strict=False)):
        if value is not None:
            y = height - 1 - (value - low) / ((high - low) or 1) * (height - 2)
            alone = "h0" if before is None and after is None else ""
            parts.append(f"{'M' if before is None else 'L'}{place * apart:.1f} {y:.1f}{alone}")
    return "".join(parts)


def split(counts: Sequence[tuple[str, int]], most: int, width: float = 100) -> list[Bar]:
    """One bar that lies, its parts side by side; `width` is as long as `most`."""
    bars, x = [], 0.0
    for key, count in counts:
        if count:
            long = count / max(most, 1) * width
            bars.append(Bar(key, 0, count, x, 0, max(long, 0.5), 1))
            x += long
    return bars


def level(value: int, most: int) -> int:
    """How strong a cell of a heatmap is: 0 for nothing, 1 to 6 else."""
    return 0 if value == 0 or most == 0 else 1 + min(_LEVELS - 1, int(value / most * _LEVELS))


def _scale(most: int) -> tuple[int, list[int]]:
    """A round number that is no less than `most`, and the marks up to it."""
    if most <= 4:  # noqa: PLR2004 (each is a mark of its own)
        return max(most, 1), list(range(max(most, 1) + 1))
    power = 10 ** math.floor(math.log10(most / 4))
    apart = next(
        int(factor * power) for factor in (1, 2, 2.5, 5, 10) if factor * power * 4 >= most and factor * power >= 1
    )
    count = math.ceil(most / apart)
    return apart * count, [apart * place for place in range(count + 1)]
