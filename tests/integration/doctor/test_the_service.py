"""What is wrong with how a service is set up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doctor.conftest import Chain, fill
from tests.support.collector import BUILD_TIMEOUT, RunningCollector

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT)
LANDED = "store: probe landed"


def test_all_is_well(well: Chain) -> None:
    found = well.diagnose()
    assert (found.exit_code, found.wrong, found.causes) == (0, [], [])
    unknown = [name for name, each in found.checks.items() if each["ok"] is None]
    assert unknown == []
    assert {name.partition(":")[0] for name in found.checks} == {"emit", "collector", "exporter", "store"}


def test_an_endpoint_where_nobody_listens(well: Chain) -> None:
    found = well.diagnose(endpoint="http://127.0.0.1:9")
    assert found.causes == ["emit: endpoint"]
    assert "nobody listens at http://127.0.0.1:9" in found.said("emit: endpoint")
    assert "set OTEL_EXPORTER_OTLP_ENDPOINT" in found.said("emit: endpoint")
    assert found.checks[LANDED]["ok"] is None, "a probe that nobody took is not waited for"


def test_an_endpoint_that_takes_no_otlp(well: Chain, collector: RunningCollector) -> None:
    found = well.diagnose(endpoint=f"{collector.http}/v1/logs")
    assert found.causes == ["emit: endpoint"]
    assert "takes no OTLP" in found.said("emit: endpoint")
    assert "without /v1/logs" in found.said("emit: endpoint")


def test_http_to_the_port_for_grpc(well: Chain, collector: RunningCollector) -> None:
    found = well.diagnose(endpoint=f"http://{collector.grpc}")
    assert found.causes == ["emit: endpoint"]
    assert "4317 is the Collector's port for gRPC" in found.said("emit: endpoint")


def test_a_host_that_nobody_knows(well: Chain) -> None:
    found = well.diagnose(endpoint="http://no-such-host.invalid:4318")
    assert found.causes == ["emit: endpoint"]
    assert "is not known here" in found.said("emit: endpoint")


def test_grpc_is_tried_where_the_service_speaks_it(well: Chain, collector: RunningCollector) -> None:
    environment = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert well.diagnose(environment=environment, endpoint=f"http://{collector.grpc}").exit_code == 0
    found = well.diagnose(environment=environment, endpoint="http://127.0.0.1:9")
    assert "nobody listens" in found.said("emit: endpoint")


@pytest.mark.parametrize(("events", "ok"), [("span", False), ("log", True)])
def test_sampling_that_drops_spans(well: Chain, events: str, ok: bool) -> None:
    environment = {
        "PRELUDE_EVENTS": events,
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }
    found = well.diagnose(environment=environment)
    assert found.causes == ([] if ok else ["emit: sampling"])
    assert "parentbased_traceidratio with 0.1 drops spans" in found.said("emit: sampling")
    assert ("harmless" if ok else "activities of those traces are lost") in found.said("emit: sampling")


def test_sampling_of_everything_is_none(well: Chain) -> None:
    environment = {"PRELUDE_EVENTS": "span", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"}
    assert well.diagnose(environment=environment).causes == []


def test_a_decorator_above_the_route_and_a_sampler_of_the_application(well: Chain, tmp_path: Path) -> None:
    (tmp_path / "shop_service.py").write_text(
        "from fastapi import FastAPI\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.sampling import TraceIdRatioBased\n"
        "import prelude_otel\n"
        "from prelude_otel import activity\n"
        "trace.set_tracer_provider(TracerProvider(sampler=TraceIdRatioBased(0.5)))\n"
        "app = FastAPI()\n"
        "prelude_otel.instrument(app, service_name='shop', events='span')\n"
        "@activity('crm.view_deal')\n"
        "@app.get('/d/{deal_id}')\n"
        "def view(deal_id: int): ...\n"
    )
    # As a process of its own: what an application does to the one that imports it stays there.
    options = [f"--{name}={value}" for name, value in well.options.items()]
    command = [sys.executable, "-m", "prelude_cli", "doctor", "--app", "shop_service:app", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Cause: emit: application. " in done.stdout
    assert "stands above the route's decorator" in done.stdout
    assert "shop_service.py" in done.stdout
    assert "Cause: emit: sampling. the application's sampler, TraceIdRatioBased{0.5}, drops spans" in done.stdout


def test_a_spool_where_no_folder_can_be(well: Chain, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = well.diagnose(environment={"PRELUDE_SPOOL": str(tmp_path / "file" / "spool")})
    assert found.causes == ["emit: spool"]
    assert "can't be written to" in found.said("emit: spool")
    assert "that the service's user may write to" in found.said("emit: spool")


def test_a_spool_on_a_disk_that_is_read_only(well: Chain, small_disk: Any) -> None:
    disk = small_disk(1)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    found = well.diagnose(environment={"PRELUDE_SPOOL": str(disk / "spool")})
    assert found.causes == ["emit: spool"]
    assert "Read-only file system" in found.said("emit: spool")


def test_a_spool_on_a_disk_that_is_full_or_nearly(well: Chain, small_disk: Any) -> None:
    disk = small_disk(2)
    found = well.diagnose(environment={"PRELUDE_SPOOL": str(disk)})
    assert found.causes == ["emit: spool"]
    assert "has 2 MiB left" in found.said("emit: spool")
    fill(disk)
    found = well.diagnose(environment={"PRELUDE_SPOOL": str(disk)})
    assert found.causes == ["emit: spool"]
    assert "is full: activities wait in memory alone" in found.said("emit: spool")
    assert "make room on that disk" in found.said("emit: spool")


def test_a_spool_that_is_well_and_one_that_keeps_what_was_refused(well: Chain, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    environment = {"PRELUDE_SPOOL": str(spool)}
    assert "will be made" in well.diagnose(environment=environment).said("emit: spool")
    spool.mkdir()
    found = well.diagnose(environment=environment)
    assert found.causes == []
    assert list(spool.iterdir()) == [], "the doctor leaves nothing behind"
    (spool / "1.refused").write_bytes(b"x")
    for name in ("2.spool", "3.spool"):
        (spool / name).write_bytes(b"x")
        os.utime(spool / name, (time.time() - 7200,) * 2)
    found = well.diagnose(environment=environment)
    assert found.causes == ["emit: spool refusals", "emit: spool backlog"]
    assert "since 120 minutes" in found.said("emit: spool backlog")


def test_a_clock_that_is_wrong(well: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    found = well.diagnose()
    assert found.causes == ["exporter: clock", "store: clock"]
    assert re.search(r"its machine's clock is 3(599|600|601) s ahead of this one's", found.said("exporter: clock"))
    assert "the database's clock is 3600.0 s ahead of this machine's" in found.said("store: clock")
    assert "NTP" in found.said("exporter: clock")
