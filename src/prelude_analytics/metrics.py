"""What ``/metrics`` shows. Labels have few values, all of them ours; nothing in them is personal."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.metrics_core import Metric

    from prelude_analytics.freshness import Freshness
    from prelude_store.retention.figures import Figures

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_PREFIX: Final = "prelude_analytics_"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """All of a process; parts register further ones in `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        build = Gauge(f"{_PREFIX}build_info", "Version of this program", ["version"], registry=self.registry)
        build.labels(version("prelude-otel")).set(1)
        self.ready = Gauge(f"{_PREFIX}ready", "Whether answers can be given", registry=self.registry)
        self.requests = Counter(
            f"{_PREFIX}requests", "Answers, by route and status", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            f"{_PREFIX}request_seconds",
            "From a request to the end of its answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )

        self._rollup_lag = Gauge(
            f"{_PREFIX}rollup_lag_seconds", "Since when something committed is not counted", registry=self.registry
        )
        self._rollup_waiting = Gauge(
            f"{_PREFIX}rollup_waiting", "Places of the lanes that are not counted", registry=self.registry
        )
        self._timeline_lag = Gauge(
            f"{_PREFIX}timeline_lag_seconds",
            "Since when the timeline has not looked at something committed",
            registry=self.registry,
        )

    def show_state(self, *, ready: bool, freshness: Freshness) -> None:
        """Show how the service is now."""
        self.ready.set(ready)
        self._rollup_lag.set(freshness.rollups)
        self._rollup_waiting.set(freshness.waiting)
        self._timeline_lag.set(freshness.timeline)

    def show_retention(self, figures: Callable[[], Figures | None]) -> None:
        """Show what runs of retention did, whoever ran them.

        Args:
            figures: as they were found last.
        """
        self.registry.register(_Retention(figures))

    def exposition(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)


class _Retention(Collector):
    def __init__(self, figures: Callable[[], Figures | None]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        found = self._figures()
        if found is None:
            return
        for name, what, number in (
            ("rows_removed", "Rows that went by policy", found.rows),
            ("columns_erased", "Rows that lost the columns of a class by policy", found.columns),
            ("partitions_dropped", "Partitions that went by policy", found.partitions),
            ("runs", "Runs of retention", found.runs),
            ("failures", "Runs of retention that did not do all", found.failures),
        ):
            yield CounterMetricFamily(f"{_PREFIX}retention_{name}", what, number)
        yield GaugeMetricFamily(f"{_PREFIX}retention_policies", "Policies of retention that are set", found.policies)
        last = found.last_done.timestamp() if found.last_done else 0
        yield GaugeMetricFamily(
            f"{_PREFIX}retention_last_run_timestamp_seconds", "When the last run began that did all; 0: never", last
        )
