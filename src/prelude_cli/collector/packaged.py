"""The two files of settings that the package carries; tests hold them equal to the ones at the top of the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from prelude_otel.errors import CollectorError

__all__ = ["BUILDER_CONFIG", "COLLECTOR_CONFIG", "builder_version"]

_HERE: Final = Path(__file__).parent
COLLECTOR_CONFIG: Final = _HERE / "collector-config.yaml"
BUILDER_CONFIG: Final = _HERE / "builder-config.yaml"


def builder_version() -> str:
    """The release of the Collector that builder-config.yaml names, which is also the builder's, e.g. ``0.160.0``."""
    found = re.search(r"^  version: (\S+)$", BUILDER_CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise CollectorError(f"{BUILDER_CONFIG} names no dist.version")
    return found[1]
