"""Passwords on the command line, which everybody on the machine could read by `ps`."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Final

__all__ = ["hide_passwords"]

_PROCESS: Final = Path("/proc/self")
_PASSWORD: Final = re.compile(
    rb"://[^\0/:@]*:([^\0]*)@|\bpassword\s*=\s*('(?:[^'\0\\]|\\[^\0])*'|[^\s&\0]+)", re.IGNORECASE
)
_ARG_START: Final = 45
"""Place of ``arg_start`` in ``/proc/self/stat`` behind the name of the program (proc_pid_stat(5): field 48)."""


def hide_passwords() -> bool:
    """Overwrite each password in the arguments of this process, as other processes see them; Python has read them by now.

    Returns:
        Whether there was one. Where the system has no /proc, nothing is looked at.
    """
    try:
        shown = (_PROCESS / "cmdline").read_bytes()
        found = [span for match in _PASSWORD.finditer(shown) for span in map(match.span, (1, 2)) if span[1] > span[0]]
        if not found:
            return False
        words = (_PROCESS / "stat").read_text().rpartition(")")[2].split()
        start, end = int(words[_ARG_START]), int(words[_ARG_START + 1])
    except (OSError, ValueError, IndexError):
        return False
    if end - start == len(shown):
        for begin, stop in found:
            ctypes.memset(start + begin, ord("*"), stop - begin)
    return True
