"""Signals that ask a command to end, as an event that its loop looks at."""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["until_signalled"]


@contextmanager
def until_signalled(*numbers: signal.Signals, once: bool = False) -> Iterator[threading.Event]:
    """An event that SIGTERM or SIGINT (or one of `numbers`) sets; the handlers of before come back at the end.

    A handler runs between two steps of the main thread, which may itself hold the event's lock: a `set` in the handler
    would wait for it for ever. So another thread sets the event.

    Args:
        numbers: the signals; SIGTERM and SIGINT where none is named.
        once: a second signal does what it did by default (SIGINT interrupts).
    """
    stop = threading.Event()

    def note(number: int, _frame: object) -> None:
        if once:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        _thread.start_new_thread(stop.set, ())

    before = {number: signal.signal(number, note) for number in numbers or (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
