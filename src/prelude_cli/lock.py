"""A lock between processes, on a file that the system frees when its holder dies."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(path: Path, *, when_taken: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`; `when_taken` is called once before waiting for another process, and may raise instead.

    Where the system has no such locks (Windows), nothing is held.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_taken()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
