"""The sketch of lengths: how many lay where, in marks that merge by adding. Percentiles from it are at most 1 % off.

Up to 50 ms a mark is the length itself. Above, mark 50 + k holds the lengths from 50·γ^(k-1) (not included) to 50·γ^k, γ = 101/99, and
stands for 2·50·γ^k / (γ + 1), which is at most 1 % from each of them. The limits are whole milliseconds, found in whole numbers, so no
rounding decides. `prelude_mark`, `prelude_mark_value` and `prelude_quantile` are the same in SQL.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

from prelude_otel.contract.duration import MAX_DURATION_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["RELATIVE_ERROR", "mark", "merge", "quantile", "sketch", "value"]

RELATIVE_ERROR: Final = 0.01
"""Of a percentile from a sketch, against `percentile_disc` of the lengths themselves; 0 up to 50 ms."""

_EXACT: Final = 50


def _limits() -> list[int]:
    limits, above, below = [], _EXACT, 1
    while above // below <= MAX_DURATION_MS:
        limits.append(above // below)
        above, below = above * 101, below * 99
    return limits


_LIMITS: Final = _limits()


def mark(duration_ms: int) -> int:
    """The mark of a length; 0 to about 930."""
    return duration_ms if duration_ms <= _EXACT else _EXACT + bisect_left(_LIMITS, duration_ms)


def value(of: int) -> float:
    """The length in milliseconds that a mark stands for."""
    return float(of) if of <= _EXACT else 49.5 * (101 / 99) ** (of - _EXACT)


def sketch(durations_ms: Iterable[int]) -> Counter[int]:
    """How many of `durations_ms` are at each mark."""
    return Counter(map(mark, durations_ms))


def merge(sketches: Iterable[Mapping[int, int]]) -> Counter[int]:
    """The sketch of everything that `sketches` hold."""
    merged: Counter[int] = Counter()
    for one in sketches:
        merged.update(one)
    return merged


def quantile(of: Mapping[int, int], fraction: float) -> float | None:
    """The length at or below which `fraction` (0 to 1) of all lie; None of an empty sketch."""
    wanted = max(math.ceil(fraction * sum(of.values())), 1)
    seen = 0
    for one in sorted(of):
        seen += of[one]
        if seen >= wanted:
            return value(one)
    return None
