"""Metrics of Prometheus' registry as those of the OpenTelemetry SDK, for its exporters. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry

__all__ = ["metrics_data"]

_UNITS: Final = {"_seconds": "s", "_bytes": "By"}
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE


def metrics_data(
    registry: CollectorRegistry, resource: Resource, scope: InstrumentationScope, start_ns: int, now_ns: int
) -> MetricsData:
    """All of `registry`, with the names that it has at /metrics less ``_total``, which receivers add for themselves.

    Args:
        start_ns: since when it counts, in nanoseconds since the epoch.
        now_ns: now, likewise.
    """
    metrics = [made for family in registry.collect() if (made := _metric(family, start_ns, now_ns)) is not None]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, metrics, "")], "")])


def _metric(family: Any, start_ns: int, now_ns: int) -> Metric | None:
    unit = next((unit for ending, unit in _UNITS.items() if family.name.endswith(ending)), "")
    samples = family.samples
    if family.type == "histogram":
        points = list(_histograms(samples, start_ns, now_ns))
        data: Any = Histogram(points, _CUMULATIVE)
    elif family.type in ("counter", "gauge"):
        numbers = [NumberDataPoint(sample.labels, start_ns, now_ns, sample.value) for sample in samples]
        data = Gauge(numbers) if family.type == "gauge" else Sum(numbers, _CUMULATIVE, is_monotonic=True)
    else:
        return None
    return Metric(family.name, family.documentation, unit, data)


def _histograms(samples: Iterable[Any], start_ns: int, now_ns: int) -> Iterable[HistogramDataPoint]:
    series: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        one = series.setdefault(tuple(labels.items()), {"bounds": [], "upto": [], "sum": 0.0})
        if sample.name.endswith("_bucket"):
            one["bounds"].append(float(sample.labels["le"]))
            one["upto"].append(int(sample.value))
        elif sample.name.endswith("_sum"):
            one["sum"] = sample.value
    for key, one in series.items():
        yield _point(dict(key), one, start_ns, now_ns)


def _point(labels: Mapping[str, str], one: Mapping[str, Any], start_ns: int, now_ns: int) -> HistogramDataPoint:
    unknown: Any = None  # smallest and largest: Prometheus does not keep them
    return HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=start_ns,
        time_unix_nano=now_ns,
        count=one["upto"][-1],
        sum=one["sum"],
        bucket_counts=[one["upto"][0], *(after - before for before, after in pairwise(one["upto"]))],
        explicit_bounds=one["bounds"][:-1],  # the last one is infinity
        min=unknown,
        max=unknown,
    )
