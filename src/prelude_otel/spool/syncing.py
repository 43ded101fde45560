"""When entries are forced onto the device, which only a power cut or a crash of the system asks for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from prelude_otel import problems

if TYPE_CHECKING:
    from prelude_otel.spool.folder import SpoolFolder
    from prelude_otel.spool.segment import Segment

__all__ = ["INTERVAL_S", "Syncing"]

INTERVAL_S: Final = 1.0


class Syncing:
    """Forces segments onto the device by one of the three policies.

    Args:
        policy: ``always``, ``interval`` or ``never``.
        folder: whose names have to be on the device, too.
    """

    def __init__(self, policy: str, folder: SpoolFolder) -> None:
        self._always = policy == "always"
        self._at_all = policy != "never"
        self._folder = folder
        self._lock = threading.RLock()  # a signal handler may emit while its thread syncs
        self._starting = threading.Lock()
        self._dirty: set[Segment] = set()
        self._new_names = False
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def created(self) -> None:
        """A file was made."""
        self._new_names = self._at_all

    def written(self, segment: Segment) -> None:
        """An entry was appended to `segment`: on return it is on the device, where the policy is ``always``."""
        if self._always:
            end = segment.end
            with self._lock:  # who waited here may find that another has done it
                if segment.synced < end:
                    self._sync(segment)
        elif self._at_all and segment not in self._dirty:
            self._dirty.add(segment)
            self._news.set()
            if self._thread is None:
                self._start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._news.set()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another is at it
        try:
            if self._thread is None and not self._stopping.is_set():
                thread = threading.Thread(target=self._run, name="prelude-otel-fsync", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError as error:  # no more threads; with the next entry again
            problems.report("spool", f"fsync waits for a thread: {error}")
        finally:
            self._starting.release()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.wait()
            self._stopping.wait(INTERVAL_S)
            self._news.clear()
            for segment in list(self._dirty):
                self._dirty.discard(segment)  # before, so that what comes meanwhile is not passed over
                if segment.confirmed < segment.end:  # what the receiver has taken needs no disk
                    self._sync(segment)

    def _sync(self, segment: Segment) -> None:
        try:
            segment.sync()
            if self._new_names:
                self._new_names = False
                try:
                    self._folder.sync()
                except OSError:
                    self._new_names = True
                    raise
        except (OSError, ValueError) as error:
            if not self._stopping.is_set() and segment.confirmed < segment.end:
                problems.report("spool", f"fsync of {segment.path} failed: {error}")
