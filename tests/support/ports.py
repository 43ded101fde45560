"""Ports for programs that must be told theirs before they start.

They lie below the range that the system gives to connections and to port 0, so that nothing takes one in the time until the program
binds it; and each worker of pytest-xdist has a range of its own.
"""

from __future__ import annotations

import os
import socket
from itertools import count
from typing import Final

__all__ = ["free_ports"]

_FIRST: Final = 11_000
_OF_EACH_WORKER: Final = 2_500
_WORKERS: Final = 8
_worker: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_numbers = count(os.getpid() % _OF_EACH_WORKER)


def free_ports(*names: str) -> dict[str, int]:
    """A port for each name, which nobody listens at, and which this process has not given out for long."""
    return {name: _free_port() for name in names}


def _free_port() -> int:
    for number in _numbers:
        port = _FIRST + _worker * _OF_EACH_WORKER + number % _OF_EACH_WORKER
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
