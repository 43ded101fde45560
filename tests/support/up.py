"""`prelude up` as a process, as a person starts it; for the tests that look at it from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

import pytest

from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["PRELUDE", "Up", "left_of", "quiet_flags", "running_up", "wait_until"]

PRELUDE: Final = (sys.executable, "-m", "prelude_cli")
_PORTS: Final = (
    "collector-grpc",
    "collector-http",
    "collector-health",
    "collector-metrics",
    "exporter-grpc",
    "exporter-http",
    "analytics",
)

_READY_WITHIN: Final = 90.0


def quiet_flags() -> list[str]:
    """Flags that let nothing listen on a usual port, and no past be made up."""
    ports = free_ports(*_PORTS)
    # What `up` itself chooses for 0 may be what another worker's chooses before it listens there: one port of its choice is enough.
    return [
        "--past",
        "0",
        "--crm-port",
        "0",
        *(word for name in _PORTS for word in (f"--{name}-port", str(ports[name]))),
    ]


class Up:
    """A running `prelude up`.

    Attributes:
        process: it.
        out: the lines of its standard output so far.
        err: the lines of its standard error so far.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        pipes = ((process.stdout, self.out), (process.stderr, self.err))
        self._readers = [threading.Thread(target=_read, args=pipe) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    @property
    def rows(self) -> list[str]:
        """The lines below the head, one for each row that landed."""
        titles = next((number for number, line in enumerate(self.out) if line.startswith("TIME ")), len(self.out))
        return self.out[titles + 1 :]

    def wait_for_rows(self, count: int) -> None:
        """Return once so many rows are shown; fail when it ends before."""
        deadline = time.monotonic() + _READY_WITHIN
        while len(self.rows) < count:
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"exit code {self.process.poll()};\n" + "\n".join([*self.out, *self.err]))
            time.sleep(0.02)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(_READY_WITHIN)
        for reader in self._readers:
            reader.join()
        return code

    def part(self, word: str) -> int:
        """The process of the part whose command line holds `word`."""
        (found,) = (pid for pid, parent, words in _processes() if parent == self.process.pid and word in words)
        return found


@contextmanager
def running_up(
    data: Path,
    *flags: str,
    program: Sequence[str | Path] = PRELUDE,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Up]:
    """`prelude up` with `flags` on the folder `data`; ended, if it still runs, when the context closes."""
    with subprocess.Popen(
        [*program, "up", "--data", data, *quiet_flags(), *flags],
        cwd=cwd or data.parent,
        env=os.environ if environment is None else environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        up = Up(process)
        try:
            yield up
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            up.end()


def left_of(data: Path) -> list[str]:
    """Command lines of processes that still have to do with the folder `data`."""
    return [words for _pid, _parent, words in _processes() if str(data) in words]


def wait_until(true: Callable[[], bool], within: float = 30.0) -> None:
    """Return once `true()`."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def _read(pipe: IO[str], lines: list[str]) -> None:
    for line in pipe:
        lines.append(line.rstrip("\n"))  # noqa: PERF401 (each line is to be seen when it comes)


def _processes() -> list[tuple[int, int, str]]:
    said = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], stdout=subprocess.PIPE, text=True, check=True)
    found = []
    for line in said.stdout.splitlines():
        pid, parent, words = line.split(maxsplit=2)
        found.append((int(pid), int(parent), words))
    return found
