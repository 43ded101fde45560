"""The processes of a chain, and who starts them again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prelude_otel.errors import StoreError
from prelude_store.embedded import EmbeddedPostgres

__all__ = ["Database", "Part", "Supervisor"]

_AGAIN_S = 0.4
_GROWN_UP_S = 8.0


class Part:
    """One program."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.starts = 0
        self.wanted = False
        self.bad_ends: list[str] = []
        """Ends after SIGTERM with another code than 0."""
        self._command = list(command)
        self._environment = os.environ | dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.starts += 1
        self._started_at = time.monotonic()
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def signal(self, number: int) -> None:
        if self.alive() and self._process is not None:
            self._process.send_signal(number)

    def freeze(self) -> Callable[[], None]:
        """SIGSTOP; gives what lets it go on."""
        self.signal(signal.SIGSTOP)
        return lambda: self.signal(signal.SIGCONT)

    def terminate(self, within: float = 20.0) -> None:
        """SIGTERM, and see that it ends with 0 in time."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            code: int | str = process.wait(within)
        except subprocess.TimeoutExpired:
            code = f"nothing within {within:g} s"
            process.kill()
            process.wait()
        # One that has hardly begun knows nothing of SIGTERM yet.
        if code != 0 and time.monotonic() - self._started_at > _GROWN_UP_S:
            self.bad_ends.append(f"{self.name} answered SIGTERM with {code}")

    def close(self) -> None:
        self.wanted = False
        if self.alive() and self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()


class Database:
    """The embedded PostgreSQL, with the same verbs."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.name = "database"
        self.server = server
        self.starts = 0
        self.wanted = False
        self.bad_ends: list[str] = []

    def alive(self) -> bool:
        return self.server.is_running()

    def start(self) -> None:
        self.starts += 1
        with contextlib.suppress(StoreError):
            self.server.stop()  # lets go of the folder
        with contextlib.suppress(StoreError, OSError, Exception):
            self.server.start()

    def processes(self) -> list[int]:
        """The postmaster first; none when it is gone."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.server.data_dir / "cluster" / "postmaster.pid").read_text().split("\n")[0])
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            return [pid, *map(int, children)]
        return []

    def signal(self, number: int) -> None:
        """To the postmaster."""
        _send(self.processes()[:1], number)

    def freeze(self) -> Callable[[], None]:
        frozen = self.processes()
        _send(frozen, signal.SIGSTOP)
        return lambda: _send(frozen, signal.SIGCONT)

    def terminate(self, _within: float = 20.0) -> None:
        """SIGINT: fast shutdown."""
        self.signal(signal.SIGINT)

    def close(self) -> None:
        self.wanted = False
        _send(self.processes(), signal.SIGCONT)
        self.server.stop()


def _send(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Supervisor:
    """As systemd would: what is wanted and not alive is started, a moment later."""

    def __init__(self, parts: Sequence[Part | Database]) -> None:
        self._parts = parts
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=[part], daemon=True) for part in parts]

    def start(self) -> None:
        for part in self._parts:
            part.wanted = True
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, part: Part | Database) -> None:
        while not self._ends.wait(0.05):
            if part.wanted and not part.alive():
                part.start()
                time.sleep(_AGAIN_S)
