"""Dashboards and alerts ask for metrics that there are, and their files are what Grafana and Prometheus take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from prelude_store.seals import textfile
from tests.support.collector import BUILD_TIMEOUT
from tests.unit.docs.blocks import ROOT, blocks

DASHBOARDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "deploy/grafana").glob("*.json")
}
# The chain's own come first; each further file is of one part.
RULES: dict[str, dict[str, Any]] = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(
        (ROOT / "deploy/alerts").glob("*.rules.yml"), key=lambda path: (path.name != "prelude.rules.yml", path.name)
    )
}
ALERTS: list[dict[str, Any]] = [rule for file in RULES.values() for group in file["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]
DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")


def expressions() -> Iterator[str]:
    for panel in GRAPHS:
        yield from (target["expr"] for target in panel["targets"])
    yield from (alert["expr"] for alert in ALERTS)


def metrics_in(expression: str) -> set[str]:
    """Ours, the Collector's and the process's; `up` is Prometheus' own."""
    return set(re.findall(r"\b(?:prelude|otelcol|process)_\w+", expression))


@pytest.mark.timeout(BUILD_TIMEOUT)
def test_every_metric_that_is_asked_for_is_there(
    exporter_metrics: set[str], collector_metrics: set[str], analytics_metrics: set[str]
) -> None:
    asked = {name for expression in expressions() for name in metrics_in(expression)}
    assert len(asked) > 30
    assert sorted(asked - exporter_metrics - collector_metrics - analytics_metrics - set(textfile.NAMES)) == []


def test_the_page_names_metrics_of_seals_as_analytics_does(analytics_metrics: set[str]) -> None:
    said = re.findall(r"`(prelude_seal_\w+)`", (ROOT / "docs/watch.md").read_text(encoding="utf-8"))
    assert {name for name in analytics_metrics if name.startswith("prelude_seal_")} == set(said) != set()


def test_the_page_names_metrics_of_verifications_as_they_are_written() -> None:
    said = re.findall(r"`(prelude_verify_\w+)`", (ROOT / "docs/watch.md").read_text(encoding="utf-8"))
    assert set(said) == set(textfile.NAMES)


def test_the_pages_name_metrics_of_the_collector_as_it_does(collector_metrics: set[str]) -> None:
    said = re.findall(r"`(otelcol_\w+)`", (ROOT / "docs/run-the-collector.md").read_text(encoding="utf-8"))
    assert said
    assert [name for name in said if name not in collector_metrics] == []


def test_labels_that_are_asked_for_have_the_values_that_there_are() -> None:
    from prelude_exporter.watch.metrics import OUTCOMES

    said = {
        value
        for expression in expressions()
        for metric, values in re.findall(r'(requests_total)\{[^}]*outcome[!=]~?"([^"]*)"', expression)
        for value in values.split("|")
    }
    assert said <= set(OUTCOMES)


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_have_ids_of_their_own_and_lie_side_by_side(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0 for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_dashboards_stand_side_by_side() -> None:
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS) > 1
    assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)
    watch = (ROOT / "docs/watch.md").read_text(encoding="utf-8")
    assert [name for name in DASHBOARDS if f"`deploy/grafana/{name}`" not in watch] == []
    assert [name for name in RULES if f"`deploy/alerts/{name}`" not in watch] == []


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_a_dashboard_can_be_imported_beside_any_prometheus(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["schemaVersion"] >= 36
    assert "id" not in dashboard
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "instance"]
    for panel in [panel for panel in dashboard["panels"] if panel["type"] != "row"]:
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) > 0
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_rules_are_as_prometheus_wants_them() -> None:
    assert all(file.keys() == {"groups"} for file in RULES.values())
    groups = [group for file in RULES.values() for group in file["groups"]]
    assert all(group.keys() == {"name", "rules"} for group in groups)
    assert len({group["name"] for group in groups}) == len(groups)
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names))
    for alert in ALERTS:
        assert (
            {"alert", "expr", "labels", "annotations"}
            <= alert.keys()
            <= {"alert", "expr", "for", "labels", "annotations"}
        )
        assert re.fullmatch(r"Prelude[A-Z]\w+", alert["alert"])
        assert DURATION.fullmatch(alert.get("for", "1m"))
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert {"summary", "description", "runbook"} == alert["annotations"].keys()


@pytest.mark.parametrize("expression", sorted(expressions()))
def test_an_expression_is_closed(expression: str) -> None:
    """No parser of PromQL is here; `promtool check rules` has been asked, and this keeps out slips of the pen."""
    open_ones: list[str] = []
    for sign in re.sub(r'"[^"]*"', '""', expression):
        if sign in "([{":
            open_ones.append(")]}"["([{".index(sign)])
        elif sign in ")]}":
            assert open_ones.pop() == sign
    assert not open_ones
    assert all(DURATION.fullmatch(window) for window in re.findall(r"\[(\d\w*)", expression))


def test_each_alert_has_its_section_in_troubleshooting_and_its_line_in_watch() -> None:
    troubleshooting = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### (Prelude\w+)$", troubleshooting, re.MULTILINE)
    assert sections == [alert["alert"] for alert in ALERTS]
    watch = (ROOT / "docs/watch.md").read_text(encoding="utf-8")
    for alert in ALERTS:
        anchor = f"troubleshooting.md#{alert['alert'].lower()}"
        assert alert["annotations"]["runbook"] == f"docs/{anchor}"
        assert f"[`{alert['alert']}`]({anchor}) | {alert['labels']['severity']} |" in watch


def test_the_jobs_of_the_page_are_those_that_are_asked_for() -> None:
    (config,) = (yaml.safe_load(block.text) for block in blocks("yaml", page="docs/watch.md"))
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    asked = {job for expression in expressions() for job in re.findall(r'job="([^"]+)"', expression)}
    assert asked | {"prelude-analytics"} == jobs
    assert {path.rpartition("/")[2] for path in config["rule_files"]} == RULES.keys()
    assert [path for path in config["rule_files"] if not (ROOT / path).exists()] == []
