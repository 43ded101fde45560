"""Dashboard and alerts of analytics ask for metrics that there are, and these say what is so; the form of the files is checked with that of the others."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from prelude_analytics.live.metrics import _REASONS
from prelude_store.rollups import passes
from prelude_store.rollups.keeper import connected
from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics, running_analytics
from tests.support.postgres import TestServer, as_role
from tests.support.rows import make_row
from tests.unit.docs.blocks import ROOT, blocks

NAME = "prelude-analytics"
DASHBOARD: dict[str, Any] = json.loads((ROOT / f"deploy/grafana/{NAME}.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((ROOT / f"deploy/alerts/{NAME}.rules.yml").read_text(encoding="utf-8"))
TRIED: dict[str, Any] = yaml.safe_load((ROOT / f"deploy/alerts/{NAME}.test.yml").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
GRAPHS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
METRIC = re.compile(r"\b(?:prelude|process)_\w+")


def metrics_in(expression: str) -> set[str]:
    """Ours, and the process's; what labels say is none."""
    return set(METRIC.findall(re.sub(r'"[^"]*"', '""', expression)))


def expressions() -> Iterator[str]:
    for panel in GRAPHS:
        yield from (target["expr"] for target in panel["targets"])
    yield from (alert["expr"] for alert in ALERTS)


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    """That has answered."""
    url = postgres.create_database()
    with running_analytics(url) as running:
        with running.signed() as client:
            assert client.get("/activities").status_code == 200
        yield running
    postgres.drop_database(url)


def metrics(service: Analytics) -> str:
    return httpx.get(f"{service.url}/metrics", trust_env=False).text


def sample(service: Analytics, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", metrics(service), re.MULTILINE)
    assert found
    return float(found[1])


def looked_again(service: Analytics) -> None:
    """Wait until the service has looked at its database, from beginning to end, once more."""
    for _ in range(2):
        before = service.app.state.readiness.freshness
        while service.app.state.readiness.freshness is before:
            time.sleep(0.05)


def test_every_metric_that_is_asked_for_is_there(service: Analytics) -> None:
    there = set(re.findall(r"^(\w+)[{ ]", metrics(service), re.MULTILINE))
    there |= set(
        re.findall(r"^# TYPE (\w+) ", metrics(service), re.MULTILINE)
    )  # of labels that come with the first event
    asked = {name for expression in expressions() for name in metrics_in(expression)}
    assert len(asked) > 12
    assert sorted(asked - there) == []
    named = re.findall(r"`(prelude_analytics_\w+)`", (ROOT / "docs/watch.md").read_text(encoding="utf-8"))
    assert sorted(set(named) - there) == []


def test_labels_that_are_asked_for_have_the_values_that_there_are(service: Analytics) -> None:
    reasons = [value for one in expressions() for value in re.findall(r'reason=~?"([^"]*)"', one)]
    assert reasons
    assert all(any(re.fullmatch(value, reason) for reason in _REASONS) for value in reasons)
    exports = {route for route in service.app.openapi()["paths"] if "/export" in route}
    assert exports >= {"/api/analytics/export.csv", "/api/analytics/export.ndjson"}
    (left_out,) = {value for one in expressions() for value in re.findall(r'route!~"([^"]*)"', one)}
    assert {route for route in service.app.openapi()["paths"] if re.fullmatch(left_out, route)} == exports


def test_the_rules_are_tried_by_their_names_and_on_series_that_they_ask_for() -> None:
    tried = [one for test in TRIED["tests"] for one in test["alert_rule_test"]]
    known = {alert["alert"]: alert for alert in ALERTS}
    for one in tried:
        for fires in one["exp_alerts"]:
            assert fires["exp_labels"]["severity"] == known[one["alertname"]]["labels"]["severity"]
            assert fires["exp_annotations"]["summary"] == known[one["alertname"]]["annotations"]["summary"]
    asked = {name for alert in ALERTS for name in metrics_in(alert["expr"])} | {"up"}
    given = {series["series"].partition("{")[0] for test in TRIED["tests"] for series in test["input_series"]}
    assert given <= asked


def test_the_job_is_that_of_the_page() -> None:
    (config,) = (yaml.safe_load(block.text) for block in blocks("yaml", page="docs/watch.md"))
    jobs = {job for one in expressions() for job in re.findall(r'job="([^"]+)"', one)}
    assert jobs == {NAME} <= {job["job_name"] for job in config["scrape_configs"]}
    assert f"deploy/alerts/{NAME}.rules.yml" in config["rule_files"]


def test_metrics_say_how_far_figures_are_behind_whoever_keeps_them(service: Analytics) -> None:
    assert (
        sample(service, "prelude_analytics_rollup_lag_seconds"),
        sample(service, "prelude_analytics_rollup_waiting"),
    ) == (0, 0)
    writer = Writer(as_role(service.database, "writer"))
    writer.write(Batch(rows=[make_row() for _ in range(3)]))
    writer.close()
    looked_again(service)
    assert sample(service, "prelude_analytics_rollup_waiting") == 3
    assert sample(service, "prelude_analytics_rollup_lag_seconds") == float("inf")  # nothing was ever counted
    assert sample(service, "prelude_analytics_timeline_lag_seconds") == float("inf")
    with connected(as_role(service.database, "keeper"), "test") as keeper:
        passes.carry_out(keeper)
    looked_again(service)
    assert (
        sample(service, "prelude_analytics_rollup_lag_seconds"),
        sample(service, "prelude_analytics_rollup_waiting"),
    ) == (0, 0)
