"""What ``/metrics`` shows. Names follow Prometheus' conventions; nothing in them is personal."""

from __future__ import annotations

import logging
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from prelude_exporter.decode import Decoded
from prelude_exporter.readiness import Readiness
from prelude_store.batch import WriteResult

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_log = logging.getLogger(__name__)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_ROWS: Final = (1, 10, 100, 500, 1000, 2500, 5000, 10_000)


class Metrics:
    """Counts of one exporter, in a registry of its own; also the observer of its commits."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "prelude_exporter_requests",
            "Requests by what they were answered.",
            ["protocol", "signal", "answer"],
            registry=registry,
        )
        self._records = Counter(
            "prelude_exporter_records",
            "Records by what became of them when decoded.",
            ["signal", "outcome"],
            registry=registry,
        )
        self._quarantined = Counter(
            "prelude_exporter_quarantined", "Records that can't become a row, by reason.", ["reason"], registry=registry
        )
        self._rows = Counter(
            "prelude_exporter_rows", "Rows by what became of them when written.", ["outcome"], registry=registry
        )
        self._failures = Counter(
            "prelude_exporter_write_failures", "Writes that the database did not take.", registry=registry
        )
        self._seconds = Histogram(
            "prelude_exporter_write_seconds", "Time of one commit.", buckets=_SECONDS, registry=registry
        )
        self._batch = Histogram("prelude_exporter_write_rows", "Rows of one commit.", buckets=_ROWS, registry=registry)
        self.expired = Counter(
            "prelude_exporter_joins_expired",
            "Rows that stay without a duration, since their span did not come in time.",
            registry=registry,
        )
        self.waiting_bytes = Gauge(
            "prelude_exporter_waiting_bytes", "Bytes of requests that wait for their commit.", registry=registry
        )
        Gauge("prelude_exporter_ready", "1 when requests should come.", registry=registry).set_function(
            lambda: float(readiness.why_not is None)
        )

    def decoded(self, signal: str, decoded: Decoded) -> None:
        """Count what a request held."""
        counts = {
            "row": len(decoded.rows),
            "passed_over": decoded.passed_over,
            "quarantined": len(decoded.quarantined),
            "probe": len(decoded.probes),
            "span": len(decoded.spans),
            "span_passed_over": decoded.spans_passed_over,
        }
        for outcome, count in counts.items():
            if count:
                self._records.labels(signal, outcome).inc(count)
        for record in decoded.quarantined:
            self._quarantined.labels(record.reason).inc()

    def committed(self, result: WriteResult, rows: int, seconds: float) -> None:
        """A commit succeeded."""
        counts = {
            "inserted": result.inserted,
            "duplicate": result.duplicates,
            "conflict": result.conflicts,
            "quarantined": result.quarantined,
            "joined": result.joined,
        }
        for outcome, count in counts.items():
            if count:
                self._rows.labels(outcome).inc(count)
        self._seconds.observe(seconds)
        self._batch.observe(rows)
        if self._readiness.green():
            _log.warning("the database takes rows again")

    def failed(self, error: Exception) -> None:
        """A commit failed."""
        self._failures.inc()
        if self._readiness.red(f"the last write failed: {error}"):
            _log.error("the database does not take rows: %s", error)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self.registry)
