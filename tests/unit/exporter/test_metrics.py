"""What /metrics shows is bounded, said in the documentation, and measured cheaply."""

from __future__ import annotations

import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prelude_exporter.decoding.decode import Decoded
from prelude_exporter.watch.lag import BUCKETS, Lag
from prelude_exporter.watch.metrics import REASONS, Metrics
from prelude_exporter.watch.readiness import Readiness
from prelude_store.batch import WriteResult
from tests.support.rows import make_row
from tests.unit.docs.blocks import all_words, section


def names(metrics: Metrics) -> set[str]:
    """As people write them in queries: counters with _total, histograms without a suffix."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in families}


def series(metrics: Metrics) -> int:
    return sum(not line.startswith("#") for line in metrics.text().decode().splitlines())


def test_the_page_lists_just_the_metrics_that_there_are() -> None:
    rows = re.findall(
        r"^\| (`\w+[`{].*?) \| ", section("docs/run-the-exporter.md", "Health, metrics, stopping"), re.MULTILINE
    )
    listed = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert listed == names(Metrics(Readiness()))


def test_no_page_names_a_metric_that_there_is_not() -> None:
    said = {name for name in re.findall(r"`(prelude_exporter_\w+)[`{]", all_words()) if name != "prelude_exporter"}
    assert said - names(Metrics(Readiness())) == set()


def test_the_labels_on_the_page_are_those_of_the_metrics() -> None:
    text = section("docs/run-the-exporter.md", "Health, metrics, stopping")
    said = {name: set(labels.split(",")) for name, labels in re.findall(r"`(prelude_\w+)\{([\w,]+)\}`", text)}
    there: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(Metrics(Readiness()).text().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        if labels:
            there[name] = labels
    assert said == there


def test_each_reason_of_the_contract_has_its_series() -> None:
    page = section("docs/contract.md", "What is no activity, what goes to quarantine, what is refused")
    assert set(REASONS) == set(re.findall(r"^\| `(\w+)` \| ", page, re.MULTILINE))


def test_nothing_that_happens_makes_a_new_series() -> None:
    metrics = Metrics(Readiness())
    before = series(metrics)
    metrics.decoded("logs", Decoded(passed_over=1, spans_passed_over=1))
    metrics.committed(WriteResult(1, 1, 1, 1, 1), 3, 0.01)
    metrics.wrote([make_row()], WriteResult(reasons=dict.fromkeys((*REASONS, "invented tomorrow"), 1)))  # type: ignore[arg-type]
    metrics.failed(ValueError("x"))
    assert series(metrics) == before
    assert metrics.registry.get_sample_value("prelude_exporter_quarantined_records_total", {"reason": "other"}) == 1


@pytest.mark.parametrize("count", [1, 31, 32, 33, 250, 3000])
def test_the_lag_counts_every_row_of_a_commit(count: int) -> None:
    lag = Lag("lag_seconds", "…")
    now_us = time.time_ns() // 1000
    soon, late = make_row(timestamp_us=now_us - 700_000), make_row(timestamp_us=now_us - 20_000_000)
    lag.observe([late if number % 2 else soon for number in range(count)])  # made at once, lest they grow old meanwhile
    (family,) = lag.collect()
    counts = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert counts["+Inf"] == count
    assert counts["0.5"] == 0
    assert counts["1.0"] == counts["10.0"]
    assert counts["30.0"] == count
    assert len(counts) == len(BUCKETS) + 1


def test_an_action_of_a_clock_that_is_ahead_has_no_negative_lag() -> None:
    lag = Lag("lag_seconds", "…")
    lag.observe([make_row(timestamp_us=time.time_ns() // 1000 + 60_000_000)])
    (family,) = lag.collect()
    assert {sample.value for sample in family.samples if sample.name == "lag_seconds_sum"} == {0}
    assert family.samples[0].value == 1
