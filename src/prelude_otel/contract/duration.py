"""The one place where a length in nanoseconds becomes ``duration_ms``."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_DURATION_MS", "duration_ms"]

MAX_DURATION_MS: Final = 2**31 - 1
"""The largest value of the column (PostgreSQL ``integer``): 24.8 days."""


def duration_ms(span_ns: int) -> int:
    """Whole milliseconds of a span of `span_ns` nanoseconds, half up, in integers, never negative, clamped to the column."""
    if span_ns <= 0:
        return 0
    return min((span_ns + 500_000) // 1_000_000, MAX_DURATION_MS)
