"""The thread that takes entries from the queue to the receiver, and keeps them until it has said yes."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from prelude_otel.otel import without_instrumentation
from prelude_otel.otlp.encode import export_request
from prelude_otel.otlp.transport import Answer

if TYPE_CHECKING:
    from prelude_otel.otlp.queue import EntryQueue
    from prelude_otel.otlp.transport import Transport

__all__ = ["Sender"]

_log = logging.getLogger("prelude_otel")

MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024
"""Half of the 4 MiB that a gRPC server takes by default: the Collector may pass a request on as it came."""
FIRST_BACKOFF_S: Final = 0.25
MAX_BACKOFF_S: Final = 15.0
_SAY_EVERY_S: Final = 60.0
_HURRIED_PAUSE_S: Final = 0.1


class Sender:
    """Sends what waits in `queue`; starts its thread with the first entry.

    Args:
        queue: where entries wait.
        transport: makes the transport; called again in the child after a fork.
        prefix: constant parts of a request.
        linger_s: how long the first entry after a pause waits for others to share its request.
        timeout_s: of one attempt.
    """

    def __init__(
        self,
        queue: EntryQueue,
        transport: Callable[[], Transport],
        prefix: tuple[bytes, bytes],
        *,
        linger_s: float,
        timeout_s: float,
    ) -> None:
        self._queue = queue
        self._make_transport = transport
        self._transport = transport()
        self._prefix = prefix
        self._linger_s = linger_s
        self._timeout_s = timeout_s
        self.sent = 0
        self.dropped: Counter[str] = Counter()
        self._reset()
        if hasattr(os, "register_at_fork"):
            itself = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _after_fork(itself))

    def _reset(self) -> None:
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._hurry = threading.Event()
        self._done = threading.Condition()
        self._said_at = -_SAY_EVERY_S

    def put(self, entry: bytes) -> None:
        """Hand over one entry; where there is no room, or after `shutdown`, it is dropped and counted."""
        if self._closing.is_set():
            self._drop("after_shutdown", 1)
        elif not self._queue.put(entry):
            self._drop("queue_full", 1)
        elif self._thread is None:
            self._start()

    def flush(self, timeout_s: float) -> bool:
        """Send all that waits now; True when the receiver has taken it all within the time."""
        lost = self.dropped["refused"]
        target = self._queue.accepted
        deadline = time.monotonic() + timeout_s
        self._hurry.set()
        self._queue.wake()
        try:
            with self._done:
                while self._queue.done < target:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    self._done.wait(left)
            return self.dropped["refused"] == lost
        finally:
            self._hurry.clear()

    def shutdown(self, timeout_s: float) -> bool:
        """Flush, then stop; what is left is dropped and counted. True where nothing was."""
        flushed = self.flush(timeout_s) if not self._closing.is_set() else True
        self._closing.set()
        self._hurry.set()
        self._queue.wake()
        left = len(self._queue)
        if left:
            self._drop("shutdown", left)
            _log.warning(
                "prelude-otel: %d activities were not delivered before the shutdown's %.1f s were over", left, timeout_s
            )
        return flushed and not left

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="prelude-otel-sender", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with without_instrumentation():
            while not self._closing.is_set():
                self._queue.wait(3600.0)
                if not self._hurry.is_set():
                    self._hurry.wait(self._linger_s)
                while not self._closing.is_set() and (batch := self._queue.peek(MAX_REQUEST_BYTES)):
                    self._deliver(batch)
                    self._queue.confirm()
                    with self._done:
                        self._done.notify_all()
                    if not self._hurry.is_set() and len(self._queue):
                        self._hurry.wait(self._linger_s)
            self._transport.close()

    def _deliver(self, batch: Sequence[bytes]) -> None:
        request = export_request(self._prefix, batch)
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            answer = self._attempt(request)
            if answer.accepted:
                self.sent += len(batch)
                return
            if not answer.retry:
                self._drop("refused", len(batch))
                self._say("the receiver refuses activities for good: %s", answer)
                return
            self._say("activities wait in memory: %s", answer)
            pause_s = answer.retry_after_s if answer.retry_after_s is not None else backoff_s * random.uniform(0.5, 1.0)  # noqa: S311
            self._pause(min(pause_s, MAX_BACKOFF_S))
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)

    def _attempt(self, request: bytes) -> Answer:
        try:
            return self._transport.send(request, self._timeout_s)
        except Exception as error:  # noqa: BLE001 (this thread must outlive whatever a transport meets)
            return Answer(accepted=False, retry=True, said=f"{type(error).__name__} in the transport")

    def _pause(self, seconds: float) -> None:
        if self._hurry.is_set():
            self._closing.wait(min(seconds, _HURRIED_PAUSE_S))  # somebody waits in flush, and will not wait for long
        else:
            self._hurry.wait(seconds)

    def _drop(self, reason: str, count: int) -> None:
        self.dropped[reason] += count
        if reason == "queue_full":
            self._say("activities are dropped: %s", None)

    def _say(self, message: str, answer: Answer | None) -> None:
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            _log.warning(
                "prelude-otel: " + message, answer.said if answer is not None else "the queue in memory is full"
            )


def _after_fork(itself: weakref.ref[Sender]) -> None:
    sender = itself()
    if sender is not None:
        sender._queue.reset()  # noqa: SLF001
        sender._reset()  # noqa: SLF001
        sender.sent = 0
        sender.dropped.clear()
        sender._transport = sender._make_transport()  # noqa: SLF001
