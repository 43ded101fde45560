"""Runs a program that must not outlive `prelude up`: `python guard.py PARENT PROGRAM ARGUMENT…`.

On Linux the kernel then sends SIGTERM to the program when its parent dies in whatever way, SIGKILL included (prctl(2), PR_SET_PDEATHSIG,
which stays set across exec). Elsewhere the program simply runs. Imports nothing but the standard library: it is on the way of each start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Bind the life of this process to its parent's, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # The parent may have died before the call above.
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    main()
