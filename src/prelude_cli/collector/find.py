"""Where the Collector is found."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prelude_cli.collector.cache import cached_binary
from prelude_otel.errors import CollectorError

__all__ = ["NAMES", "FoundCollector", "find_collector"]

NAMES: Final = ("otelcol-prelude", "otelcol-contrib", "otelcol")


@dataclass(frozen=True)
class FoundCollector:
    """A Collector on this machine.

    Attributes:
        path: the program.
        source: ``$OTELCOL``, ``PATH`` or ``cache``.
    """

    path: Path
    source: str

    def version(self) -> str:
        """What the program says of itself, e.g. ``otelcol-prelude version 0.160.0``.

        Raises:
            CollectorError: it can't be run.
        """
        try:
            said = subprocess.run([self.path, "--version"], capture_output=True, text=True, timeout=30, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise CollectorError(f"the Collector {self.path} (from {self.source}) can't be run: {error}") from error
        return said.stdout.strip()


def find_collector() -> FoundCollector | None:
    """`$OTELCOL`, then the known names on PATH, then our cache; None when there is none.

    Raises:
        CollectorError: `$OTELCOL` names no program.
    """
    chosen = os.environ.get("OTELCOL")
    if chosen:
        path = shutil.which(chosen)
        if path is None:
            raise CollectorError(f"OTELCOL={chosen} is no program. Set it to the Collector's path, or unset it")
        return FoundCollector(Path(path), "$OTELCOL")
    for name in NAMES:
        path = shutil.which(name)
        if path is not None:
            return FoundCollector(Path(path), "PATH")
    cached = cached_binary()
    return FoundCollector(cached, "cache") if os.access(cached, os.X_OK) else None
