"""What ``/metrics`` shows of the live feed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prelude_analytics.live.frames import Frame

__all__ = ["LiveMetrics"]

_PREFIX: Final = "prelude_analytics_live_"
_LAG: Final = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0)
_CODES: Final = frozenset({1000, 1001, 1003, 1005, 1006, 1011, 1012, 1013, 4401, 4409, 4410})
_OTHER: Final = "other"
_REASONS: Final = ("process_full", "token_full", "database_away", "cursor_too_old", "cursor_ahead")


class LiveMetrics:
    """Figures of one process.

    Args:
        registry: where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge(f"{_PREFIX}sockets", "Open sockets", registry=registry)
        self.resumes = Counter(f"{_PREFIX}resumes", "Sockets that came with a cursor", registry=registry)
        self.missed = Counter(
            f"{_PREFIX}missed", "Rows and amendments that slow clients were not sent", registry=registry
        )
        self._frames = Counter(f"{_PREFIX}frames", "Frames sent", registry=registry)
        self._rows = Counter(f"{_PREFIX}rows", "Rows and amendments sent, to each socket", registry=registry)
        self._closed = Counter(f"{_PREFIX}closed", "Sockets that closed, by code", ["code"], registry=registry)
        self._refused = Counter(f"{_PREFIX}refused", "Clients that were turned away", ["reason"], registry=registry)
        self._lag = Histogram(
            f"{_PREFIX}lag_seconds",
            "From the transaction of the oldest row of a frame to its sending",
            buckets=_LAG,
            registry=registry,
        )
        # There from the beginning, so that the first of each is seen as an increase.
        for reason in _REASONS:
            self._refused.labels(reason)
        for code in (*sorted(_CODES), _OTHER):
            self._closed.labels(str(code))

    def sent(self, frame: Frame, now: float) -> None:
        """`frame` has gone to one client.

        Args:
            now: by the clock of the loop.
        """
        self._frames.inc()
        if frame.size:
            self._rows.inc(frame.size)
        if frame.born is not None:
            self._lag.observe(max(0.0, now - frame.born))

    def closed(self, code: int) -> None:
        """A socket has closed. What clients make up is one label."""
        self._closed.labels(str(code) if code in _CODES else _OTHER).inc()

    def refused(self, reason: str) -> None:
        """A client was turned away, before its socket opened or by its first frame."""
        self._refused.labels(reason).inc()
