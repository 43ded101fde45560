"""What ``/metrics`` shows. Labels have few values, all of them ours; nothing in them is personal."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

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

    def exposition(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)
