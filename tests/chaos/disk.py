"""Small disks that can be filled: a tmpfs each, which only root can mount; else plain folders, which can't be full."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

__all__ = ["Disk"]


class Disk:
    """A folder on a file system of `mib` MiB of its own, where that can be had.

    Attributes:
        small: whether it can be filled.
    """

    def __init__(self, folder: Path, mib: int, stack: ExitStack) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir(mode=0o755)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0755", "prelude-chaos", str(folder)]
        self.small = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if self.small:
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(64 * 1024))
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while True:
                filler.write(bytes(512))

    def empty(self) -> None:
        """Free again what `fill` took."""
        self._filler.unlink(missing_ok=True)
