"""Where the marks of a ribbon lie: what was done over time, with long pauses folded. Pure geometry, lengths in units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["FOLD", "Mark", "Part", "Pause", "Ribbon", "ribbon"]

FOLD: Final = 300.0
"""Seconds; a longer pause is drawn as a fold."""
_FOLDED: Final = 44.0
"""How wide a fold is."""
_FOLDS: Final = 0.35
"""Share of the width that folds may take."""
_NARROWEST: Final = 3.0
"""Width of a mark that took no time to speak of."""


class Mark(NamedTuple):
    """One of the things that were done."""

    x: float
    width: float


class Part(NamedTuple):
    """A stretch without a long pause; `begin` in seconds."""

    x: float
    width: float
    begin: float


class Pause(NamedTuple):
    """A fold between two parts; `length` in seconds."""

    x: float
    width: float
    length: float


class Ribbon(NamedTuple):
    """All of it, a mark for each span."""

    marks: list[Mark]
    parts: list[Part]
    pauses: list[Pause]


def ribbon(spans: Sequence[tuple[float, float]], width: float) -> Ribbon:
    """Marks for `spans`, on one line that is `width` wide.

    Args:
        spans: begin and length of each, in seconds, in order of their begins.
        width: of the drawing.
    """
    fold = FOLD
    while len(runs := _runs(spans, fold)) - 1 > width * _FOLDS / _FOLDED:
        fold *= 2
    lengths = [max(end - begin, 1.0) for begin, end, _ in runs]
    scale = (width - _FOLDED * (len(runs) - 1) - _NARROWEST) / (sum(lengths) or 1.0)
    marks: list[Mark] = []
    parts: list[Part] = []
    pauses: list[Pause] = []
    x, before = 0.0, 0.0
    for (begin, end, members), length in zip(runs, lengths, strict=True):
        if parts:
            pauses.append(Pause(x, _FOLDED, begin - before))
            x += _FOLDED
        parts.append(Part(x, length * scale, begin))
        marks += [Mark(x + (at - begin) * scale, max(lasted * scale, _NARROWEST)) for at, lasted in members]
        x, before = x + length * scale, end
    return Ribbon(marks, parts, pauses)


def _runs(spans: Sequence[tuple[float, float]], fold: float) -> list[tuple[float, float, list[tuple[float, float]]]]:
    """Spans between which no pause is longer than `fold`: begin, end, and the spans."""
    found: list[tuple[float, float, list[tuple[float, float]]]] = []
    for at, length in spans:
        if found and at - found[-1][1] <= fold:
            begin, end, members = found[-1]
            members.append((at, length))
            found[-1] = (begin, max(end, at + length), members)
        else:
            found.append((at, at + length, [(at, length)]))
    return found
