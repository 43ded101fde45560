"""How long a part is waited for: while it works, and not for ever."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Patience", "Work", "work_of"]

_PROC: Final = Path("/proc")
_SESSION, _FIRST_TIME, _AFTER_TIMES = 3, 11, 15
"""Places in ``/proc/PID/stat`` behind the name: the session; user and system time, its own and of children that it has waited for."""
_LEAST_WORK: Final = 0.3
"""Seconds of CPU that are work. A part that only waits takes less in `Patience.idle` seconds, one that hardly gets a core takes more."""


class Work(NamedTuple):
    """What a part has done so far.

    Args:
        cpu: seconds of CPU, with all processes of its session; 0 where the system does not tell.
        said: bytes in its log.
    """

    cpu: float
    said: int


@dataclass
class Patience:
    """Says when to wait no longer. Pure: it is told the time.

    Args:
        begun: when the waiting begins, in seconds of any steady clock.
        idle: seconds without work after which it ends.
        longest: seconds after which it ends whatever is done.
    """

    begun: float
    idle: float = 60.0
    longest: float = 900.0

    def __post_init__(self) -> None:
        self._worked_at = self.begun
        self._work: Work | None = None

    def ended(self, now: float, work: Work) -> str | None:
        """Why not to wait any longer, in words; None to go on."""
        before = self._work
        if before is None or work.said != before.said or work.cpu - before.cpu >= _LEAST_WORK:
            self._work, self._worked_at = work, now
        if now - self._worked_at >= self.idle:
            return f"after {now - self.begun:.0f} s, and has done nothing for {self.idle:.0f} s"
        return f"after {self.longest:.0f} s" if now - self.begun >= self.longest else None


def work_of(session: int, log: Path) -> Work:
    """What the processes of a session have done so far, and how much stands in their log."""
    try:
        said = log.stat().st_size
    except OSError:
        said = 0
    return Work(sum(_times(session)) / os.sysconf("SC_CLK_TCK"), said)


def _times(session: int) -> Iterator[int]:
    for process in _PROC.glob("[0-9]*"):
        try:
            stat = (process / "stat").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        # The name, in parentheses, may hold anything.
        fields = stat.rpartition(b")")[2].split()
        if int(fields[_SESSION]) == session:
            yield sum(map(int, fields[_FIRST_TIME:_AFTER_TIMES]))
