"""What takes long, in threads of this process: one for each request, and how far each has come."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Jobs", "Progress", "StoppedError"]

_END_WITHIN: Final = 5.0
_log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The process ends; what was begun is gone on with when it is asked for again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something has come: what is being done, how much of it is, and of how much."""

    what: str
    done: int
    of: int


class Jobs:
    """Threads by the number of their request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: dict[int, threading.Thread] = {}
        self._progress: dict[int, Progress] = {}
        self._ending = threading.Event()

    def start(self, number: int, work: Callable[[Callable[[str, int, int], None]], None]) -> bool:
        """Begin `work`, which is given what to tell its progress to; False where that request is at work already."""
        with self._lock:
            if number in self._threads:
                return False
            self._progress[number] = Progress("beginning", 0, 1)
            thread = threading.Thread(
                target=self._run, args=(number, work), name=f"prelude-request-{number}", daemon=True
            )
            self._threads[number] = thread
            thread.start()
        return True

    def progress(self, number: int) -> Progress | None:
        """How far it has come; None where it is not at work here."""
        return self._progress.get(number)

    def end(self) -> None:
        """Have all of them stop at their next step, and wait a little for it."""
        self._ending.set()
        for thread in list(self._threads.values()):
            thread.join(_END_WITHIN)

    def _run(self, number: int, work: Callable[[Callable[[str, int, int], None]], None]) -> None:
        def report(what: str, done: int, of: int) -> None:
            if self._ending.is_set():
                raise StoppedError
            self._progress[number] = Progress(what, done, max(of, 1))

        try:
            work(report)
        except StoppedError:
            _log.warning("request %d was stopped with the process; carry it out again to go on", number)
        except Exception:  # noqa: BLE001 (a thread has nobody to tell)
            _log.exception("request %d could not be carried out", number)
        finally:
            with self._lock:
                self._threads.pop(number, None)
                self._progress.pop(number, None)
