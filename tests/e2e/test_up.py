"""`prelude up --demo` as `make demo` runs it, through the Collector."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.up import PRELUDE, left_of, running_up, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def data() -> Iterator[Path]:
    # Not tmp_path: run by root, PostgreSQL's account must reach the folder, and each session of pytest closes pytest's own to others.
    with tempfile.TemporaryDirectory(prefix="prelude-up-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def environment(collector_program: Path) -> dict[str, str]:
    return os.environ | {"OTELCOL": str(collector_program)}


def test_the_demos_rows_come_through_the_collector(data: Path, environment: dict[str, str]) -> None:
    with running_up(data, "--demo", environment=environment) as up:
        up.wait_for_rows(10)
        head = "\n".join(up.out)
        endpoint = re.search(r"OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)", head)
        assert endpoint
        assert f"Collector     {endpoint[1]}  (gRPC " in head
        examined = subprocess.run(
            [*PRELUDE, "doctor", "--data", data, "--json"], env=environment, capture_output=True, text=True, check=False
        )
        checks = {(each["room"], each["name"]): each["ok"] for each in json.loads(examined.stdout)["checks"]}
        assert set(checks.values()) == {True}
        assert checks["collector", "health"]
        assert checks["store", "probe landed"]
        up.process.send_signal(signal.SIGINT)
        assert up.end() == 0
    assert left_of(data) == []
    assert "error" not in (data / "logs" / "collector.log").read_text()


def test_a_collector_that_dies_is_named_and_ends_the_rest(data: Path, environment: dict[str, str]) -> None:
    with running_up(data, environment=environment) as up:
        wait_until((data / "running.json").exists, within=90)
        os.kill(up.part("collector-config.yaml"), signal.SIGKILL)
        assert up.end() == 1
    assert up.err[0].startswith("prelude: the Collector ended by itself (by SIGKILL)")
    assert left_of(data) == []


def test_a_config_that_the_collector_does_not_take_is_said_in_its_own_words(
    data: Path, environment: dict[str, str]
) -> None:
    config = data.parent / "collector-config.yaml"
    config.write_text("receivers: {nonsense: {}}\n")
    with running_up(data, "--collector-config", str(config), environment=environment) as up:
        assert up.end() == 1
    said = "\n".join(up.err)
    assert said.startswith("prelude: the Collector ended by itself (exit code 1). The end of ")
    assert "nonsense" in said
