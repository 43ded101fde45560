"""What ``/metrics`` shows. Names follow Prometheus' conventions; nothing in them is personal.

Labels have few values, all of them ours: whatever senders send, the number of series stays the same. Series are there from the start,
so that the first event of a kind is a rise that an alert can see.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from prelude_exporter.watch.lag import Lag
from prelude_exporter.watch.readiness import Readiness
from prelude_store.batch import WriteResult

if TYPE_CHECKING:
    from prelude_exporter.decoding.decode import Decoded
    from prelude_store.gauges import Gauges
    from prelude_store.row import ActivityRow

__all__ = ["CONTENT_TYPE", "OUTCOMES", "REASONS", "Metrics"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
PROTOCOLS: Final = ("grpc", "http")
SIGNALS: Final = ("logs", "traces")
OUTCOMES: Final = ("ok", "malformed", "too_large", "unauthenticated", "stale_credential", "unavailable")
"""What a request was answered; the values of the label ``outcome`` of requests."""
REASONS: Final = (
    "bad_probe",
    "content_conflict",
    "malformed_attribute",
    "mapping_failed",
    "no_action_name",
    "no_timestamp",
    "refused_by_database",
    "request_too_large",
    "service_not_allowed",
    "timestamp_out_of_range",
    "unknown_action_type",
    "unknown_status",
)
"""Why a record goes to quarantine, as in docs/contract.md; one that is missing here is counted as ``other``."""

# A series more for each counter that says when it began; rate() needs none.
disable_created_metrics()  # type: ignore[no-untyped-call]
_log = logging.getLogger(__name__)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ROWS: Final = (1, 10, 100, 500, 1000, 2500, 5000, 10_000)
_OTHER: Final = "other"
_PREFIX: Final = "prelude_exporter_"
_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)
_KINDS: Final = ("row", "passed_over", "quarantined", "probe", "span", "span_passed_over")


class OfSignal(NamedTuple):
    """What is measured at each request of one signal."""

    received_bytes: Counter
    request_seconds: Histogram
    decode_seconds: Histogram


class Metrics:
    """Counts of one exporter, in a registry of its own; also the observer of its commits.

    Args:
        decoder: which one reads the requests, ``python`` or ``native``.
    """

    def __init__(self, readiness: Readiness, decoder: str = "python") -> None:
        self._readiness = readiness
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._about_the_process(readiness, decoder)
        self._about_requests()
        self._about_rows()
        self._about_the_store()

    def _about_the_process(self, readiness: Readiness, decoder: str) -> None:
        said = {"version": version("prelude-otel"), "decoder": decoder, "python": platform.python_version()}
        labels = {name: (value,) for name, value in said.items()}
        self._gauge("build_info", "1; the labels say which version runs, and how.", **labels).labels(**said).set(1)
        self._gauge("ready", "1 when requests should come.").set_function(lambda: float(readiness.why_not is None))

    def _about_requests(self) -> None:
        self.requests = self._counter(
            "requests", "Requests by what they were answered.", protocol=PROTOCOLS, signal=SIGNALS, outcome=OUTCOMES
        )
        received = self._counter("received_bytes", "Bytes of requests, inflated.", signal=SIGNALS)
        request = self._histogram(
            "request_duration_seconds",
            "From the last byte of a request to its answer, whatever that is.",
            signal=SIGNALS,
        )
        decode = self._histogram(
            "decode_duration_seconds", "Time to make rows of the bytes of a request.", signal=SIGNALS
        )
        self._records = self._counter(
            "records", "Records by what became of them when decoded.", signal=SIGNALS, outcome=_KINDS
        )
        # Looked up once: each request would pay for it otherwise.
        self.of_signal = {
            signal: OfSignal(received.labels(signal), request.labels(signal), decode.labels(signal))
            for signal in SIGNALS
        }
        self.waiting_bytes = self._gauge("waiting_bytes", "Bytes of requests that wait for their commit.")
        self.waiting_bytes_limit = self._gauge(
            "waiting_bytes_limit", "Bytes of requests that may wait; more are refused, to come again."
        )

    def _about_rows(self) -> None:
        self._rows = self._counter(
            "rows", "Rows by what became of them when written.", outcome=("inserted", "duplicate", "conflict")
        )
        self._joined = self._counter("joined_rows", "Rows whose duration came from a span that travelled apart.")
        self._quarantined = self._counter(
            "quarantined_records",
            "Records handed to the quarantine, by reason; a resend counts again.",
            reason=(*REASONS, _OTHER),
        )
        self._entries = self._counter("quarantine_entries", "New entries of the quarantine; a resend makes none.")
        self._commit_seconds = self._histogram("commit_duration_seconds", "Time of one commit.")
        self._commit_rows = self._histogram("commit_rows", "Rows of one commit.", buckets=_ROWS)
        self._failures = self._counter(
            "commit_failures", "Commits that the database did not take; their senders come again."
        )
        self._lag = Lag(
            _PREFIX + "commit_lag_seconds", "From the start of an action to the commit of its row, resends included."
        )
        self.registry.register(self._lag)

    def _about_the_store(self) -> None:
        self.writers = self._gauge("writers", "Connections that may write.")
        self._connected = self._gauge("writers_connected", "Connections that are open.")
        self._busy = self._gauge("writers_busy", "Connections that are in the middle of a write.")
        self.connects = self._counter(
            "writer_connects", "Connections that writers made; those beyond the first of each are reconnects."
        )
        self.expired = self._counter(
            "joins_expired", "Rows that stay without a duration, since their span did not come in time."
        )
        self.repeated_ids = self._counter("repeated_ids", "Ids that were found in the log at two times.")
        self.quarantine_expired = self._counter(
            "quarantine_expired",
            "Entries of the quarantine that were kept for as long as the setting says, and are gone.",
        )
        self._pending = self._gauge(
            "joins_pending",
            "What waits in the database for its other half: rows for their span, spans for their record.",
            waiting=("row", "span"),
        )
        self._oldest = self._gauge(
            "joins_oldest_seconds", "Since when the oldest row waits for its span; 0 when none does."
        )
        self._ahead = self._gauge("partitions_ahead", "Weekly partitions that are ready beyond this week.")
        self._clock = self._gauge(
            "database_clock_ahead_seconds", "Clock of the database less clock of the exporter's machine."
        )
        self.upkeep_failures = self._counter(
            "upkeep_failures", "Rounds of work beside requests that failed, and are tried again."
        )

    def watch_writers(self, connected: Callable[[], float], busy: Callable[[], float]) -> None:
        """Where to ask about the writers: how many are connected, and how many write."""
        self._connected.set_function(connected)
        self._busy.set_function(busy)

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

    def wrote(self, rows: Sequence[ActivityRow], result: WriteResult) -> None:
        """`rows` have been committed just now."""
        self._lag.observe(rows)
        for reason, count in result.reasons.items():
            self._quarantined.labels(reason if reason in REASONS else _OTHER).inc(count)

    def committed(self, result: WriteResult, rows: int, seconds: float) -> None:
        """A commit succeeded."""
        for outcome, count in (
            ("inserted", result.inserted),
            ("duplicate", result.duplicates),
            ("conflict", result.conflicts),
            ("erased", result.erased),
        ):
            if count:
                self._rows.labels(outcome).inc(count)
        self._joined.inc(result.joined)
        self._entries.inc(result.quarantined)
        self._commit_seconds.observe(seconds)
        self._commit_rows.observe(rows)
        if self._readiness.green():
            _log.warning("the database takes rows again")

    def failed(self, error: Exception) -> None:
        """A commit failed."""
        self._failures.inc()
        if self._readiness.red(f"the last write failed: {error}"):
            _log.error("the database does not take rows: %s", error)

    def measured(self, found: Gauges) -> None:
        """What upkeep found in the database."""
        self._pending.labels("row").set(found.keys_waiting_for_span)
        self._pending.labels("span").set(found.spans_waiting_for_row)
        self._oldest.set(found.oldest_waiting_seconds)
        self._ahead.set(found.partitions_ahead)
        self._clock.set(found.clock_ahead_seconds)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _counter(self, name: str, documentation: str, **labels: Sequence[str]) -> Counter:
        return _with_series(Counter(_PREFIX + name, documentation, list(labels), registry=self.registry), labels)

    def _gauge(self, name: str, documentation: str, **labels: Sequence[str]) -> Gauge:
        return _with_series(Gauge(_PREFIX + name, documentation, list(labels), registry=self.registry), labels)

    def _histogram(
        self, name: str, documentation: str, buckets: Sequence[float] = _SECONDS, **labels: Sequence[str]
    ) -> Histogram:
        made = Histogram(_PREFIX + name, documentation, list(labels), buckets=buckets, registry=self.registry)
        return _with_series(made, labels)


def _with_series(metric: _Metric, labels: Mapping[str, Sequence[str]]) -> _Metric:
    """`metric` with a series for each combination of the values of `labels`."""
    if labels:
        for values in product(*labels.values()):
            metric.labels(*values)
    return metric
