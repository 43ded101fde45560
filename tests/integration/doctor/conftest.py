"""`prelude doctor` beside a real chain, in which one thing after another is broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from prelude_cli.doctor import command
from tests.integration.exporter.conftest import Exporter
from tests.support.collector import RunningCollector, collector, collector_program
from tests.support.emit_state import fresh_emit_state
from tests.support.postgres import TestServer, as_role

__all__ = ["collector", "collector_program", "fresh_emit_state"]


class Diagnosis:
    """What the doctor said."""

    def __init__(self, exit_code: int, said: dict[str, Any]) -> None:
        self.exit_code = exit_code
        self.causes: list[str] = said["causes"]
        self.checks = {f"{each['room']}: {each['name']}": each for each in said["checks"]}
        self.wrong = [name for name, each in self.checks.items() if each["ok"] is False]
        self.text = json.dumps(said, ensure_ascii=False)

    def said(self, name: str) -> str:
        """Finding and remedy of one check."""
        return f"{self.checks[name]['said']} → {self.checks[name]['remedy']}"

    def follows(self, name: str) -> list[str]:
        return list(self.checks[name]["follows_from"])


class Chain:
    """Where the parts of a chain are, as the doctor is told."""

    def __init__(self, collector: RunningCollector, exporter_http: str, database: str) -> None:
        self.options = {
            "endpoint": collector.http,
            "collector-health": f"{collector.health}",
            "collector-metrics": collector.metrics,
            "exporter-http": exporter_http,
            "database-url": database,
        }

    def diagnose(self, *flags: str, environment: dict[str, str] | None = None, **options: str) -> Diagnosis:
        """Ask the doctor; options with ``_`` for ``-`` take the place of the chain's own."""
        given = self.options | {name.replace("_", "-"): value for name, value in options.items()}
        arguments = [f"--{name}={value}" for name, value in given.items()]
        done = CliRunner().invoke(command, [*arguments, *flags, "--json"], env=environment or {})
        assert done.exit_code in (0, 1), done.output
        return Diagnosis(done.exit_code, json.loads(done.stdout))


@pytest.fixture(autouse=True)
def quiet_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `prelude up` runs here, and no .env is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")  # the one of nobody, which tests of the emit room take


@contextmanager
def running(url: str, *flags: str) -> Iterator[Exporter]:
    exporter = Exporter(url, *flags)
    try:
        yield exporter
    finally:
        exporter.stop()
        for stream in (exporter.process.stdout, exporter.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture(scope="session")
def well(collector: RunningCollector, postgres: TestServer) -> Iterator[Chain]:
    """A chain in which all is well, for tests that do nothing to it."""
    url = postgres.create_database()
    with running(as_role(url, "writer"), "--grpc", collector.exporter) as exporter:
        yield Chain(collector, exporter.http, url)
    postgres.drop_database(url)


@pytest.fixture
def straight(collector: RunningCollector) -> Iterator[Callable[..., Chain]]:
    """Makes chains without a Collector, each with an exporter of its own."""
    with ExitStack() as stack:

        def start(url: str, *flags: str, exporter_url: str | None = None) -> Chain:
            exporter = stack.enter_context(running(exporter_url or url, *flags))
            chain = Chain(collector, exporter.http, url)
            chain.options |= {"endpoint": exporter.http, "collector-health": ""}
            return chain

        yield start


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """Mounts disks of some MiB; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(mebibytes: int) -> Path:
        # Not under tmp_path, which PostgreSQL's account may not enter.
        place = Path(tempfile.mkdtemp(prefix="prelude-disk-"))
        place.chmod(0o755)
        program = shutil.which("mount")
        asked = [program or "mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)]
        if os.geteuid() != 0 or program is None or subprocess.run(asked, capture_output=True, check=False).returncode:
            place.rmdir()
            pytest.skip("a small disk can't be mounted here: that needs root, and the right to mount")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


def fill(disk: Path) -> None:
    """Leave no byte free."""
    with (disk / "filler").open("wb", buffering=0) as file:
        block = bytes(1024 * 1024)
        while block:
            try:
                if file.write(block) < len(block):
                    block = block[: len(block) // 2]
            except OSError:
                block = block[: len(block) // 2]
