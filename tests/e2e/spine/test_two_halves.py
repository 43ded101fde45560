"""Record and span sent apart by hand, in both orders, by a sender that knows nothing of ours, with a restart between."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.chain import running_exporter, wait_for_rows
from tests.support.collector import BUILD_TIMEOUT, RunningCollector

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT)]

RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "billing"}}]}
START_NS = time.time_ns()
END_NS = START_NS + 1_234_500_000


def ids() -> dict[str, str]:
    return {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex()}


def send_record(url: str, trace: dict[str, str]) -> None:
    attributes = [{"key": "user.email", "value": {"stringValue": "user@company.com"}}]
    record = {
        "timeUnixNano": str(START_NS),
        "eventName": "prelude.crm.view_deals_list",
        "attributes": attributes,
        **trace,
    }
    _post(f"{url}/v1/logs", {"resourceLogs": [{"resource": RESOURCE, "scopeLogs": [{"logRecords": [record]}]}]})


def send_span(url: str, trace: dict[str, str]) -> None:
    times = {"startTimeUnixNano": str(START_NS), "endTimeUnixNano": str(END_NS)}
    span = {"name": "prelude.crm.view_deals_list", "kind": 1, **times, **trace}
    _post(f"{url}/v1/traces", {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [span]}]}]})


def _post(url: str, body: dict[str, Any]) -> None:
    httpx.post(url, json=body, trust_env=False).raise_for_status()


def wait_for_span(database: str) -> None:
    """Until the span waits in the database for its record."""
    with psycopg.connect(database, autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM span_joins WHERE duration_ms IS NOT NULL").fetchone():
            time.sleep(0.02)


@pytest.mark.parametrize("first", ["record", "span"])
def test_the_halves_meet_over_a_restart_of_the_exporter(
    own_collector: RunningCollector, database: str, tmp_path: Path, first: str
) -> None:
    trace = ids()
    log = tmp_path / "exporter.log"
    with running_exporter(database, own_collector.exporter, log):
        if first == "record":
            send_record(own_collector.http, trace)
            (row,) = wait_for_rows(database, 1)
            assert row["duration_ms"] is None
        else:
            send_span(own_collector.http, trace)
            wait_for_span(database)
    with running_exporter(database, own_collector.exporter, log):
        if first == "record":
            send_span(own_collector.http, trace)
        else:
            send_record(own_collector.http, trace)
        (row,) = wait_for_rows(database, 1, until=lambda rows: rows[0]["duration_ms"] is not None)
    assert row["duration_ms"] == 1235
    assert (row["trace_id"], row["span_id"]) == (trace["traceId"], trace["spanId"])
    assert (row["service_name"], row["entity_type"]) == ("billing", "deal")


def test_what_was_sent_while_the_exporter_was_away_lands_when_it_is_back(
    own_collector: RunningCollector, database: str, tmp_path: Path
) -> None:
    trace = ids()
    send_record(own_collector.http, trace)
    send_span(own_collector.http, trace)
    with running_exporter(database, own_collector.exporter, tmp_path / "exporter.log"):
        (row,) = wait_for_rows(database, 1, until=lambda rows: rows[0]["duration_ms"] is not None)
    assert row["duration_ms"] == 1235
