"""How many files the process may have open: a socket is one, and many systems allow 1,024 unless somebody asks for more."""

from __future__ import annotations

import logging
import resource
from typing import Final

__all__ = ["allow_files"]

_BESIDE: Final = 500
"""What is open beside the sockets of the live feed."""
_log = logging.getLogger(__name__)


def allow_files(sockets: int) -> int:
    """Have the system allow this process as many open files as `sockets` need, as far as it lets us; gives how many it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + _BESIDE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning(
            "the system allows this process %s open files, too few for %s sockets: raise ulimit -n to %s, or lower --live-sockets",
            allowed,
            sockets,
            wanted,
        )
    return allowed
