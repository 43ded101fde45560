"""The counts of `stats` in the application's metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.metrics import _internal
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.util._once import Once

import prelude_otel
from prelude_otel.otlp.queue import EntryQueue
from tests.support.otlp_receiver import Answer, running_receiver


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Reads the metrics of the application's MeterProvider."""
    monkeypatch.setattr(_internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(_internal, "_METER_PROVIDER_SET_ONCE", Once())
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    yield reader
    provider.shutdown()


def values(reader: InMemoryMetricReader) -> dict[tuple[str, str], Any]:
    data = reader.get_metrics_data()
    return {
        (metric.name, ",".join(str(value) for value in (point.attributes or {}).values())): getattr(
            point, "value", None
        )
        for resource in (data.resource_metrics if data is not None else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def test_what_became_of_activities_is_in_the_metrics(
    reader: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelude_otel.sinks.EntryQueue", lambda prefix: EntryQueue(prefix, max_bytes=2000))
    with running_receiver() as receiver:
        receiver.answers.append(Answer(503, {"Retry-After": "600"}))
        prelude_otel.instrument(endpoint=receiver.url, service_name="crm")
        for number in range(20):
            prelude_otel.emit("crm.delete_deal", deal_id=number)
        seen = values(reader)
        dropped = seen["prelude.activities.dropped", "queue_full"]
        assert dropped > 0
        assert seen["prelude.activities.emitted", ""] == 20
        assert seen["prelude.activities.waiting", "memory"] == 20 - dropped
        assert prelude_otel.flush(20)
        seen = values(reader)
        assert seen["prelude.activities.sent", ""] == 20 - dropped
        assert seen["prelude.activities.waiting", "memory"] == 0


def test_what_waits_on_disk_is_told_apart(reader: InMemoryMetricReader, tmp_path: Path) -> None:
    prelude_otel.instrument(service_name="crm", spool=tmp_path / "spool")
    prelude_otel.emit("crm.delete_deal", deal_id=1)
    assert values(reader)["prelude.activities.waiting", "disk"] == 1
    assert values(reader)["prelude.activities.waiting", "memory"] == 0


def test_a_second_call_registers_nothing_twice(reader: InMemoryMetricReader) -> None:
    prelude_otel.instrument(service_name="crm")
    prelude_otel.instrument(service_name="crm")
    prelude_otel.emit("crm.delete_deal", deal_id=1)
    assert values(reader)["prelude.activities.emitted", ""] == 1
