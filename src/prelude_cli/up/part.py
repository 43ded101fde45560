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
from prelude_cli.up.patience import Patience, work_of
from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

__all__ = ["Part"]

_GUARD: Final = Path(__file__).with_name("guard.py")
_LAST_LINES: Final = 15
_OK: Final = 200
_POLL: Final = 0.05
_LOOK: Final = 1.0
"""Seconds between looks at what a part does that is waited for."""
_SAY_AFTER: Final = 15.0
"""Seconds of waiting after which, and from then on, it is said."""
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

    async def succeeded(self) -> bool:
        """Whether it did all that it was to do, once it has ended."""
        return await self._running().wait() == 0

    async def healthy(self, url: str, tell: Callable[[str], None]) -> None:
        """Return once a GET of `url` is answered with 200.

        Args:
            url: of its health page.
            tell: told in a sentence what is waited for, where it takes long.

        Raises:
            PreludeError: it is not ready, and does nothing to become so.
        """
        async with self._waiting(f"{url} does not say 200", tell):
            while await asyncio.to_thread(status_of, url) != _OK:  # noqa: ASYNC110 (another process can set no event)
                await asyncio.sleep(_POLL)

    async def first_line(self, tell: Callable[[str], None]) -> bytes:
        """As `line`, of a part that says with its first line that it is ready.

        Args:
            tell: told in a sentence what is waited for, where it takes long.

        Raises:
            PreludeError: it says nothing, and does nothing.
        """
        async with self._waiting("it says nothing", tell):
            return await self.line()

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

    @contextlib.asynccontextmanager
    async def _waiting(self, missing: str, tell: Callable[[str], None]) -> AsyncIterator[None]:
        """Ends what is done within by `PreludeError` where the part does not work; a slow machine alone ends nothing."""
        loop, pid = asyncio.get_running_loop(), self._running().pid
        patience = Patience(loop.time())
        ended: str | None = None

        async def look() -> None:
            nonlocal ended
            say_at = patience.begun + _SAY_AFTER
            while ended is None:
                await asyncio.sleep(_LOOK)
                now = loop.time()
                ended = patience.ended(now, await asyncio.to_thread(work_of, pid, self.log))
                if now >= say_at and ended is None:
                    say_at += _SAY_AFTER
                    tell(
                        f"  still waiting for {self.name}, {now - patience.begun:.0f} s by now: {missing} ({self.log})"
                    )
            limit.reschedule(loop.time())

        try:
            async with asyncio.timeout(None) as limit:
                looking = asyncio.create_task(look())
                try:
                    yield
                finally:
                    looking.cancel()
        except TimeoutError:
            raise PreludeError(f"{self.name} is not ready {ended}: {missing}. {self._last_lines()}") from None

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
