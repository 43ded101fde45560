"""How long actions took to be committed rows: a histogram over rows that costs next to nothing a row."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING, Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow

__all__ = ["BUCKETS", "Lag"]

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)
"""Upper bounds in seconds: from the promise of half a second to an outage of a day."""

_SAMPLE: Final = 32
"""Rows of one commit that are looked at; each stands for its neighbours."""


class Lag(Collector):
    """Seconds from the start of an action to the commit of its row.

    Args:
        name: of the metric.
        documentation: its HELP.
    """

    def __init__(self, name: str, documentation: str) -> None:
        self._name = name
        self._documentation = documentation
        self._lock = Lock()
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def observe(self, rows: Sequence[ActivityRow]) -> None:
        """`rows` have been committed just now. Safe to use from any thread."""
        if not rows:
            return
        now = time.time_ns() // 1000
        stride = -(-len(rows) // _SAMPLE)
        left = len(rows)
        with self._lock:
            for row in rows[::stride]:
                # A clock ahead of ours is no negative time.
                seconds = max(now - row[0], 0) / 1_000_000
                weight = min(stride, left)
                left -= weight
                self._counts[bisect_left(BUCKETS, seconds)] += weight
                self._sum += seconds * weight

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """For the registry."""
        with self._lock:
            counts, total = list(accumulate(self._counts)), self._sum
        bounds = [*(str(float(bound)) for bound in BUCKETS), "+Inf"]
        yield HistogramMetricFamily(
            self._name, self._documentation, list(zip(bounds, counts, strict=True)), sum_value=total
        )
