"""What becomes of our own errors: counted, logged once in a while, raised under the test helpers, never met by a handler."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter

__all__ = ["counts", "once", "report", "strict"]

_log = logging.getLogger("prelude_otel")
_lock = threading.RLock()  # a signal handler may report while its thread does
_counts: Counter[str] = Counter()
_last_said: dict[str, float] = {}
_said_once: set[str] = set()
_QUIET_S = 60.0
_strict_depth = 0


def report(where: str, error: BaseException | str) -> None:
    """Count a problem of ours and log it, at most once a minute for each place.

    Raises:
        BaseException: `error` itself, under the test helpers.
    """
    now = time.monotonic()
    with _lock:
        _counts[where] += 1
        count = _counts[where]
        due = now - _last_said.get(where, -_QUIET_S) >= _QUIET_S
        if due:
            _last_said[where] = now
    if due:
        # The error's own text may hold what a user typed; its type and place are enough to mend it.
        said = error if isinstance(error, str) else _describe(error)
        _log.warning("prelude-otel: %s: %s (%d so far; the application is not affected)", where, said, count)
    if _strict_depth and isinstance(error, BaseException):
        raise error


def once(key: str, message: str) -> None:
    """Say `message` in the log, the first time that `key` is met."""
    if key not in _said_once:
        _said_once.add(key)
        _log.warning("prelude-otel: %s", message)


def counts() -> dict[str, int]:
    """How often each place reported a problem."""
    with _lock:
        return dict(_counts)


class strict:  # noqa: N801 (used as a statement)
    """Within ``with strict():`` our own errors are raised where they happen."""

    def __enter__(self) -> None:
        global _strict_depth  # noqa: PLW0603
        _strict_depth += 1

    def __exit__(self, *_: object) -> None:
        global _strict_depth  # noqa: PLW0603
        _strict_depth -= 1


def _describe(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = f" at {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback is not None else ""
    return f"{type(error).__name__}{place}"


def _fresh_lock() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_lock)  # another thread of the parent's may have held it
