"""A real Collector with our settings on ports of its own, for the tests that go through one.

Import the fixtures in the `conftest.py` of a folder: `from tests.support.collector import collector, collector_program`.
Tests that may be the first to need the program set `pytest.mark.timeout(BUILD_TIMEOUT)`: it is built when there is none.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from prelude_cli.collector.find import find_collector
from prelude_cli.collector.packaged import COLLECTOR_CONFIG
from prelude_cli.http import status_of
from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["BUILD_TIMEOUT", "RunningCollector", "collector", "collector_program", "running_collector"]

BUILD_TIMEOUT: Final = 1200
"""Seconds that the first test with a Collector may take on a machine that has none yet."""

_READY_WITHIN: Final = 20.0


@dataclass(frozen=True)
class RunningCollector:
    """A Collector that is up.

    Attributes:
        grpc: where services send by gRPC, ``host:port``.
        http: where services send by HTTP, a URL (OTEL_EXPORTER_OTLP_ENDPOINT).
        health: URL of its health check.
        metrics: URL of its own metrics.
        exporter: where it sends by gRPC, ``host:port``: let the exporter of the test listen there, whenever it likes.
        process: the running program, for tests that end it.
        log: what it says.
    """

    grpc: str
    http: str
    health: str
    metrics: str
    exporter: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_collector(
    program: Path,
    folder: Path,
    *,
    exporter: str | None = None,
    config: Path = COLLECTOR_CONFIG,
    overlays: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningCollector]:
    """Run `program`; its queue and log live in `folder`, so that a second run on the same folder goes on with the first one's queue.

    Args:
        program: the Collector.
        folder: for all that it writes.
        exporter: where it sends, ``host:port``; by default a free port is set aside.
        config: its settings.
        overlays: further files of settings, laid over them.
        environment: further variables that the settings name.
    """
    ports = free_ports("grpc", "http", "health", "metrics", "exporter")
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    exporter = exporter or address["exporter"]
    log = folder / "collector.log"
    variables = {
        "PRELUDE_COLLECTOR_GRPC": address["grpc"],
        "PRELUDE_COLLECTOR_HTTP": address["http"],
        "PRELUDE_COLLECTOR_HEALTH": address["health"],
        "PRELUDE_COLLECTOR_METRICS_PORT": str(ports["metrics"]),
        "PRELUDE_COLLECTOR_EXPORTER": exporter,
        "PRELUDE_COLLECTOR_STORAGE": str(folder / "queue"),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program, *(word for file in (config, *overlays) for word in ("--config", file))],
            env=os.environ | variables | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait(process, f"http://{address['health']}", log)
        yield RunningCollector(
            grpc=address["grpc"],
            http=f"http://{address['http']}",
            health=f"http://{address['health']}",
            metrics=f"http://{address['metrics']}/metrics",
            exporter=exporter,
            process=process,
            log=log,
        )
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while status_of(health) != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(
                f"the Collector is not up; it says:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}"
            )
        time.sleep(0.02)


@pytest.fixture(scope="session")
def collector_program() -> Path:
    """The Collector's program: found, or else built once into the user's cache."""
    found = find_collector()
    if found is not None:
        return found.path
    command = [sys.executable, "-m", "prelude_cli", "collector", "build"]
    built = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


@pytest.fixture(scope="session")
def collector(collector_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """One Collector for the whole session. Tests that end it, or that leave something in its queue, run one of their own."""
    with running_collector(collector_program, tmp_path_factory.mktemp("collector")) as running:
        yield running
