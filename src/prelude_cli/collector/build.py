"""Building the Collector of builder-config.yaml with Go and the official builder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from prelude_cli.collector.cache import BINARY, cached_binary
from prelude_cli.collector.go import find_go
from prelude_cli.collector.packaged import BUILDER_CONFIG, builder_version
from prelude_cli.collector.progress import Progress
from prelude_cli.lock import locked
from prelude_otel.errors import CollectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prelude_cli.collector.go import Go

__all__ = ["build_collector"]

_BUILDER: Final = "go.opentelemetry.io/collector/cmd/builder"
_LAST_LINES: Final = 20


def build_collector(*, force: bool = False) -> tuple[Path, bool]:
    """The cached Collector, built before if it is not there (or `force`); and whether it was built now.

    Safe to call from several processes at once: one builds, the others wait for it.

    Raises:
        CollectorError: no Go that is new enough, or the build failed; with the last lines of what it said.
    """
    target = cached_binary()
    if target.exists() and not force:
        return target, False
    go = find_go()
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / "lock", when_taken=lambda: click.echo("another process builds it; waiting", err=True)):
        if target.exists() and not force:
            return target, False
        with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as folder:
            built = _build(go, Path(folder))
            # Renamed on one file system: another process sees the whole program or none.
            built.replace(target)
    return target, True


def _build(go: Go, folder: Path) -> Path:
    config = folder / "builder-config.yaml"
    sources = folder / "sources"
    config.write_text(_with_output_path(BUILDER_CONFIG.read_text(encoding="utf-8"), sources), encoding="utf-8")
    version = builder_version()
    click.echo(
        f"building the OpenTelemetry Collector {version} with {go.version} ({go.path}).\n"
        "The first time it takes about five minutes on two cores and 1 GB of Go's module cache; later runs find it ready.",
        err=True,
    )
    with Progress() as progress, _sigterm_as_interrupt():
        progress.stage("fetching modules")
        builder = [str(go.path), "run", f"{_BUILDER}@v{version}", "--config", str(config), "--skip-compilation"]
        _run(builder, go, folder, lambda line: progress.step(_told(line)))
        packages = _run([str(go.path), "list", "-deps", "."], go, sources, lambda _line: None)
        progress.stage("compiling", packages)
        compiler = [str(go.path), "build", "-v", "-trimpath", "-ldflags=-s -w", "-o", BINARY, "."]
        _run(compiler, go, sources, progress.step)
    return sources / BINARY


def _with_output_path(config: str, sources: Path) -> str:
    head, found, rest = config.partition("\ndist:\n")
    if not found:
        raise CollectorError(f"{BUILDER_CONFIG} has no section dist")
    return f"{head}{found}  output_path: '{sources}'\n{rest}"


def _run(command: Sequence[str], go: Go, folder: Path, each_line: Callable[[str], None]) -> int:
    """Run `command`, hand over its lines, and give their number."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    count = 0
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=go.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        try:
            for raw in process.stdout or ():
                line = raw.rstrip()
                count += 1
                last.append(line)
                each_line(line)
        except BaseException:
            _kill(process)
            raise
    if process.returncode != 0:
        raise CollectorError(_failure(command, process.returncode, last))
    return count


def _told(line: str) -> str:
    """What a line of Go or of the builder tells: the builder's are time, level, place, message and fields, by tabs."""
    columns = line.split("\t")
    return columns[3] if len(columns) > 3 else line.removeprefix("go: ")  # noqa: PLR2004 (said above)


def _kill(process: subprocess.Popen[str]) -> None:
    # Go starts compilers of its own: the whole group goes.
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _failure(command: Sequence[str], code: int, last: deque[str]) -> str:
    what = " ".join(command[1:3])
    said = "\n  ".join(last)
    proxy = "" if shutil.which("git") else "\n(Without git, every module must come from a module proxy: see GOPROXY.)"
    return f"building the Collector failed: go {what} ended with {code}. Its last lines:\n  {said}{proxy}"


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that no compiler goes on alone."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
