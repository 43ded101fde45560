"""Records of 3 kB as fast as they can be made: neither our emitter nor the Collector makes a request that anybody refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

from tests.integration.exporter.conftest import activity, logs
from tests.support.chain import running_exporter
from tests.support.collector import BUILD_TIMEOUT, RunningCollector

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT)]

EMITTED, IN_ONE_REQUEST = 6_000, 4_500
SERVICE = f"""
import sys, prelude_otel
prelude_otel.instrument(service_name="crm-service")
for number in range({EMITTED}):
    prelude_otel.emit("crm.create_deal", entity_id=number, data={{"deal_name": "x" * 2500, "value_usd": 5.0, "client_id": number}})
sys.exit(0 if prelude_otel.flush(60) and not prelude_otel.stats().dropped else 3)
"""


def test_every_one_of_many_large_records_is_a_row(
    own_collector: RunningCollector, database: str, tmp_path: Path
) -> None:
    large = (activity(number, **{"prelude.action.data": {"deal_name": "x" * 3000}}) for number in range(IN_ONE_REQUEST))
    request = logs(*large)
    assert 15_000_000 < len(request) < 16 * 1024 * 1024  # as much as the Collector takes at once
    with running_exporter(database, own_collector.exporter, tmp_path / "exporter.log") as exporter:
        post = urllib.request.Request(
            f"{own_collector.http}/v1/logs", request, {"content-type": "application/x-protobuf"}
        )
        with urllib.request.urlopen(post, timeout=30) as answer:
            assert answer.status == 200
        for protocol, endpoint in (("http/protobuf", own_collector.http), ("grpc", f"http://{own_collector.grpc}")):
            variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
            ran = subprocess.run(
                [sys.executable, "-c", SERVICE],
                env=os.environ | variables,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert ran.returncode == 0, ran.stderr
        wanted = 2 * EMITTED + IN_ONE_REQUEST
        ends = time.monotonic() + 60
        with psycopg.connect(database, autocommit=True) as connection:
            while (count := connection.execute("SELECT count(*) FROM user_activity_logs").fetchone()) != (wanted,):
                assert time.monotonic() < ends, f"{count} of {wanted}; {own_collector.log.read_text()[-2000:]}"
                time.sleep(0.1)
            assert connection.execute("SELECT count(*) FROM activity_quarantine").fetchone() == (0,)
        with urllib.request.urlopen(f"{exporter}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        with urllib.request.urlopen(own_collector.metrics, timeout=10) as answer:
            of_the_collector = answer.read().decode()
    assert 'requests_total{outcome="too_large",protocol="grpc",signal="logs"} 0.0' in metrics
    assert 'requests_total{outcome="ok",protocol="grpc",signal="logs"} 0.0' not in metrics
    lost = ("otelcol_exporter_send_failed_log_records", "otelcol_receiver_refused_log_records")
    said = [line for line in of_the_collector.splitlines() if line.startswith(lost)]
    assert [line for line in said if not line.endswith(" 0")] == []
