"""A record that brings no id is one row, whichever way it came: by JSON or protobuf, in another batch, through the Collector."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import psycopg
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.integration.exporter.conftest import activity, logs
from tests.integration.exporter.test_any_request import as_json
from tests.support.chain import running_exporter, wait_for_rows
from tests.support.collector import BUILD_TIMEOUT, RunningCollector

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT)]


def _post(url: str, body: bytes, kind: str = "application/x-protobuf") -> None:
    answer = httpx.post(f"{url}/v1/logs", content=body, headers={"content-type": kind}, trust_env=False)
    answer.raise_for_status()


def test_a_record_without_an_id_is_one_row_by_every_way(
    own_collector: RunningCollector, database: str, tmp_path: Path
) -> None:
    records = [activity(number, log__record__uid=None) for number in range(1, 21)]
    records[0].body.string_value = "with a body"
    records[1].flags, records[1].observed_time_unix_nano = 1, time.time_ns()
    records[2].attributes.sort(key=lambda attribute: attribute.key)
    records[3].ClearField("trace_id")
    records[3].ClearField("span_id")
    whole = logs(*records)
    last = activity(99)
    with running_exporter(database, own_collector.exporter, tmp_path / "exporter.log") as http:
        _post(own_collector.http, whole)
        first = wait_for_rows(database, 20)
        _post(http, whole)
        _post(http, as_json(ExportLogsServiceRequest.FromString(whole)), "application/json")
        _post(own_collector.http, as_json(ExportLogsServiceRequest.FromString(whole)), "application/json")
        for start in range(0, 20, 7):  # cut anew, overlapping, and in another order
            _post(own_collector.http, logs(*records[start : start + 10][::-1]))
            _post(http, logs(*records[start : start + 10][::-1]))
        _post(own_collector.http, logs(last))
        rows = wait_for_rows(database, 21, until=lambda rows: any(row["entity_id"] == "99" for row in rows))
    assert [row for row in rows if row["entity_id"] != "99"] == first
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM activity_quarantine").fetchall() == [(0,)]
