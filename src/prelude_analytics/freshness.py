"""How fresh answers are."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Freshness"]


class Freshness(NamedTuple):
    """How far the figures are behind what is committed, whoever keeps them.

    Args:
        rollups: seconds since when something is not counted by rollups and sessions; infinite where they never counted anything.
        waiting: places of the lanes that they have not counted.
        timeline: seconds since when the timeline has not seen something.
    """

    rollups: float = 0.0
    waiting: int = 0
    timeline: float = 0.0
