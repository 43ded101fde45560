"""Progress of a long job on standard error: one line that is rewritten on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Progress"]

_WIDTH: Final = 24
_TICK_TERMINAL: Final = 0.2
_TICK_PLAIN: Final = 15.0


class Progress:
    """What is being done, how far it is, and for how long it has been at it; a context manager.

    Args:
        out: where to write; standard error by default.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._terminal = self._out.isatty()
        self._started = time.monotonic()
        self._stage = ""
        self._done = 0
        self._total = 0
        self._detail = ""
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._ticker = threading.Thread(target=self._tick, name="prelude-progress", daemon=True)

    def __enter__(self) -> Self:
        """Begin to tick."""
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the line."""
        self._over.set()
        self._ticker.join()
        if self._terminal:
            self._write("\r\x1b[K")

    def stage(self, name: str, total: int = 0) -> None:
        """Begin a stage of `total` steps; 0 where their number is not known."""
        self._stage, self._done, self._total, self._detail = name, 0, total, ""
        self._show()

    def step(self, detail: str = "") -> None:
        """One step further; `detail` is what it was."""
        self._done += 1
        self._detail = detail

    def line(self) -> str:
        """The line as it is now."""
        elapsed = int(time.monotonic() - self._started)
        clock = f"{elapsed // 60}:{elapsed % 60:02d}"
        if not self._total:
            return f"{clock}  {self._stage}  {self._detail}".rstrip()
        share = min(self._done / self._total, 1.0)
        bar = "#" * int(share * _WIDTH)
        return f"{clock}  {self._stage} [{bar:<{_WIDTH}}] {share:4.0%}  {self._detail}".rstrip()

    def _tick(self) -> None:
        while not self._over.wait(_TICK_TERMINAL if self._terminal else _TICK_PLAIN):
            self._show()

    def _show(self) -> None:
        self._write(f"\r\x1b[K{self.line()[:110]}" if self._terminal else f"{self.line()}\n")

    def _write(self, text: str) -> None:
        with self._writing:
            self._out.write(text)
            self._out.flush()
