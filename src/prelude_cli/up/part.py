"""One process of `prelude up`: started, watched, stopped, its words kept in a log."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prelude_cli.http import status_of
from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Part"]

_GUARD: Final = Path(__file__).with_name("guard.py")
_LAST_LINES: Final = 15
_OK: Final = 200
_POLL: Final = 0.05
_LONGEST_LINE: Final = 64 * 2**20
"""Bytes of one line that a part may print for us to read: a row with all its data is one line."""


class Part:
    """A process of the chain.

    Args:
        name: what people call it.
        command: program (a path) and arguments.
        environment: all of its environment.
        log: the file that takes what it prints (but for the lines that are read from it).
        speaks: whether `line()` reads its standard output.
        may_end: whether it may end by itself, with success.
        stop_within: seconds from SIGTERM to SIGKILL.
        in_peace: whether `hurry()` passes it over, since what it looks after would be left running.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        speaks: bool = False,
        may_end: bool = False,
        stop_within: float = 8.0,
        in_peace: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._speaks = speaks
        self._may_end = may_end
        self._stop_within = stop_within
        self._in_peace = in_peace
        self._stopping = False
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it in a session of its own: Ctrl-C on the terminal is for us alone, who stop the parts in order.

        Raises:
            PreludeError: it can't be started.
        """
        guarded = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *self._command]
        try:
            with self.log.open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *guarded,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE if self._speaks else log,
                    stderr=log,
                    start_new_session=True,
                    limit=_LONGEST_LINE,
                )
        except OSError as error:
            raise PreludeError(f"{self.name} can't be started: {error}") from error

    async def watch(self) -> None:
        """Return when it has ended as it may; raise `PreludeError` when it ended by itself."""
        code = await self._running().wait()
        if not (self._stopping or (self._may_end and code == 0)):
            raise PreludeError(f"{self.name} ended by itself ({_said(code)}). {self._last_lines()}")

    async def healthy(self, url: str, *, within: float) -> None:
        """Return once a GET of `url` is answered with 200.

        Raises:
            PreludeError: not within `within` seconds.
        """
        try:
            async with asyncio.timeout(within):
                while await asyncio.to_thread(status_of, url) != _OK:  # noqa: ASYNC110 (another process can set no event)
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise PreludeError(
                f"{self.name} is not ready after {within:.0f} s: {url} does not say 200. {self._last_lines()}"
            ) from None

    async def line(self) -> bytes:
        """The next line of its standard output; empty at the end."""
        stream = self._running().stdout
        if stream is None:
            raise RuntimeError(f"{self.name} does not speak")
        return await stream.readline()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for those that stay too long; returns when all of it is gone."""
        self._stopping = True
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(self._stop_within):
                    await self._drained()
            except TimeoutError:
                pass
        # What it may have left behind in its group goes with it.
        self._kill()
        await self._drained()

    def hurry(self) -> None:
        """End it at once."""
        if not self._in_peace:
            self._kill()

    def _kill(self) -> None:
        """SIGKILL to it and all that it started in its session."""
        self._stopping = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _drained(self) -> None:
        # A pipe that nobody reads would keep the process from ending.
        if self._process is not None:
            if self._process.stdout is not None:
                while await self._process.stdout.read(65536):
                    pass
            await self._process.wait()

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._process

    def _last_lines(self) -> str:
        try:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                lines = deque((line.rstrip() for line in log), _LAST_LINES)
        except OSError:
            lines = deque()
        if not lines:
            return f"It said nothing ({self.log})."
        return "\n  ".join([f"The end of {self.log}:", *lines])


def _said(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
