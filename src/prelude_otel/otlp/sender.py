"""The thread that takes entries from the backlog to the receiver, and keeps them there until it has said yes."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from prelude_otel import problems
from prelude_otel.otel import without_instrumentation
from prelude_otel.otlp.encode import export_request
from prelude_otel.otlp.transport import Answer, Verdict
from prelude_otel.otlp.trouble import Trouble

if TYPE_CHECKING:
    from prelude_otel.otlp.backlog import Backlog, Batch
    from prelude_otel.otlp.transport import Transport

__all__ = ["Sender"]

_log = logging.getLogger("prelude_otel")

MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024
"""Half of the 4 MiB that a gRPC server takes by default: the Collector may pass a request on as it came."""
FIRST_BACKOFF_S: Final = 0.25
MAX_BACKOFF_S: Final = 15.0
_SHARE: Final = 20
_LONGEST_LINGER: Final = 50
"""Times `linger_s`."""
MAX_REFUSED_IN_A_ROW: Final = 16
"""A receiver that takes none of so many has something against all of them: they wait until somebody has mended it."""
_HURRIED_PAUSE_S: Final = 0.1
_SHORTEST_PAUSE_S: Final = 0.02
"""Also where a receiver that is away says that it may be asked again at once."""


class Sender:
    """Sends what waits in `backlog`; starts its thread with the first entry, or with `start`.

    Args:
        backlog: where entries wait.
        transport: makes the transport; called again in the child after a fork.
        linger_s: how long the first entry after a pause waits for others to share its request. In a steady trickle they wait until
            twenty do, fifty times as long at most: a request costs more than the activities in it.
        timeout_s: of one attempt.
    """

    def __init__(
        self,
        backlog: Backlog,
        transport: Callable[[], Transport],
        *,
        linger_s: float,
        timeout_s: float,
    ) -> None:
        self._backlog = backlog
        self._make_transport = transport
        self._transport = transport()
        self._linger_s = linger_s
        self._timeout_s = timeout_s
        self.sent = 0
        self.dropped: Counter[str] = Counter()
        self._reset()
        if hasattr(os, "register_at_fork"):
            itself = weakref.ref(self)
            os.register_at_fork(
                before=lambda: _around_fork(itself, before=True),
                after_in_parent=lambda: _around_fork(itself, before=False),
                after_in_child=lambda: _after_fork(itself),
            )

    def _reset(self) -> None:
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._counting = threading.RLock()  # a signal handler may emit while its thread counts
        self._closing = threading.Event()
        self._hurry = threading.Event()
        self._flushing = 0
        self._done = threading.Condition()
        self._trouble = Trouble(self._backlog.waiting, self.dropped)
        self._refused_in_a_row = 0
        self._away = False
        self._peeked_at = time.monotonic()

    def put(self, entry: bytes) -> None:
        """Hand over one entry; where there is no room, or after `shutdown`, it is dropped and counted."""
        if self._closing.is_set():
            self._drop("after_shutdown", 1)
        elif not self._backlog.put(entry):
            self._drop("after_shutdown" if self._closing.is_set() else "queue_full", 1)
        elif self._thread is None:
            self.start()

    def start(self) -> None:
        """Start the thread, where it does not run."""
        if not self._starting.acquire(blocking=False):
            return  # another is at it; or this thread itself, and a signal handler has interrupted it
        try:
            if self._thread is None and not self._closing.is_set():
                thread = threading.Thread(target=self._run, name="prelude-otel-sender", daemon=True)
                thread.start()
                self._thread = thread
        except RuntimeError as error:  # no more threads, or the interpreter ends; with the next entry again
            self._trouble.met(f"the sender waits for a thread: {error}")
        finally:
            self._starting.release()

    def flush(self, timeout_s: float) -> bool:
        """Send all that waits now; True when the receiver has taken it all within the time."""
        lost = self.dropped["refused"]
        target = self._backlog.mark()
        deadline = time.monotonic() + timeout_s
        with self._done:
            self._flushing += 1
            self._hurry.set()
        self._backlog.wake()
        try:
            with self._done:
                while not self._backlog.passed(target):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    self._done.wait(left)
            return self.dropped["refused"] == lost
        finally:
            with self._done:
                self._flushing -= 1
                if not self._flushing and not self._closing.is_set():
                    self._hurry.clear()

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then stop; what is left in memory is dropped and counted, what is on disk stays. True where nothing was lost.

        Where the receiver is known to be away and all that waits is on disk, there is nothing to wait for.
        """
        in_memory, on_disk = self._backlog.waiting()
        safe = self._away and on_disk and not in_memory
        flushed = self.flush(0.0 if safe else timeout_s) if not self._closing.is_set() else True
        self._closing.set()
        self._hurry.set()
        self._backlog.wake()
        in_memory, on_disk = self._backlog.waiting()
        lost = self._backlog.close()
        if lost:
            self._drop("shutdown", lost)
            _log.warning(
                "prelude-otel: %d activities were not delivered before the shutdown's %.1f s were over", lost, timeout_s
            )
        if on_disk + in_memory > lost:
            _log.warning(
                "prelude-otel: %d activities stay on disk; the next process with this spool sends them",
                on_disk + in_memory - lost,
            )
        return not lost and (flushed or bool(on_disk))

    def _run(self) -> None:
        with without_instrumentation():
            while not self._closing.is_set():
                try:
                    self._turn()
                except Exception as error:  # noqa: BLE001 (whatever a disk can do: nothing would be sent any more)
                    if not self._closing.is_set():
                        problems.report("sending", error)
                        self._closing.wait(FIRST_BACKOFF_S)
            self._transport.close()

    def _turn(self) -> None:
        """Wait for entries, and send until there is none."""
        self._backlog.wait()
        self._linger(self._linger_s)
        while not self._closing.is_set() and (batch := self._backlog.peek(MAX_REQUEST_BYTES)) is not None:
            before, self._peeked_at = self._peeked_at, time.monotonic()
            self._deliver(batch)
            # Until a whole pause has brought nothing, callers need not wake this thread.
            self._linger(_pause_for(len(batch.entries), self._peeked_at - before, self._linger_s))

    def _linger(self, seconds: float) -> None:
        if not self._hurry.is_set() and not self._closing.is_set():
            self._hurry.wait(seconds)

    def _deliver(self, batch: Batch) -> None:
        """Send `batch` until all of it has left; what is refused is taken apart, so that one entry never costs its neighbours."""
        left = batch.entries
        size = len(left)
        while left:
            request = export_request(batch.prefix, left[:size])
            verdict = self._decided(request)
            if verdict is None:
                return
            if verdict is Verdict.REFUSED and size > 1:
                size = (size + 1) // 2
                continue
            if verdict is Verdict.REFUSED:
                self._refused_in_a_row += 1
                self._drop("refused", self._backlog.refuse(request))
                left = left[1:]
                size = len(left)
            else:
                mended = self._refused_in_a_row >= MAX_REFUSED_IN_A_ROW
                self._refused_in_a_row = 0
                self.sent += self._backlog.confirm(size)
                left = left[size:]
                size = len(left) if mended else min(size, len(left))
                self._trouble.over()
            with self._done:
                self._done.notify_all()

    def _decided(self, request: bytes) -> Verdict | None:
        """Send `request` until the receiver has taken or refused it; None when the shutdown comes first."""
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            answer = self._attempt(request)
            refused = answer.verdict is Verdict.REFUSED and self._refused_in_a_row < MAX_REFUSED_IN_A_ROW
            if refused:
                self._trouble.met(f"the receiver refuses activities for good: {answer.said}")
            if refused or answer.verdict is Verdict.ACCEPTED:
                self._away = False
                return answer.verdict
            self._away = True
            self._trouble.met(answer.said)
            pause_s = backoff_s * random.uniform(0.5, 1.0) if answer.retry_after_s is None else answer.retry_after_s  # noqa: S311
            self._pause(min(max(pause_s, _SHORTEST_PAUSE_S), MAX_BACKOFF_S))
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
        return None

    def _attempt(self, request: bytes) -> Answer:
        try:
            return self._transport.send(request, self._timeout_s)
        except Exception as error:  # noqa: BLE001 (this thread must outlive whatever a transport meets)
            return Answer(Verdict.LATER, said=f"{type(error).__name__} in the transport")

    def _pause(self, seconds: float) -> None:
        if self._hurry.is_set():
            self._closing.wait(min(seconds, _HURRIED_PAUSE_S))  # somebody waits in flush, and will not wait for long
        else:
            self._hurry.wait(seconds)

    def _drop(self, reason: str, count: int) -> None:
        with self._counting:
            self.dropped[reason] += count
        if reason == "queue_full":
            self._trouble.met("activities are dropped: the queue in memory is full", loss=True)


def _pause_for(count: int, seconds: float, shortest: float) -> float:
    """How long to wait for as many as share a request well, when `count` came within `seconds`."""
    return min(max(shortest, seconds * _SHARE / count), shortest * _LONGEST_LINGER)


def _around_fork(itself: weakref.ref[Sender], *, before: bool) -> None:
    sender = itself()
    if sender is not None:
        backlog = sender._backlog  # noqa: SLF001
        backlog.before_fork() if before else backlog.after_fork()


def _after_fork(itself: weakref.ref[Sender]) -> None:
    sender = itself()
    if sender is not None:
        sender._backlog.reset()  # noqa: SLF001
        sender.sent = 0
        sender.dropped.clear()
        sender._reset()  # noqa: SLF001
        sender._transport = sender._make_transport()  # noqa: SLF001
