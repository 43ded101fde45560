"""Where built Collectors are kept: in the user's cache folder, outside any source tree."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path
from typing import Final

from prelude_cli.collector.packaged import BUILDER_CONFIG

__all__ = ["BINARY", "cache_folder", "cached_binary"]

BINARY: Final = "otelcol-prelude.exe" if sys.platform == "win32" else "otelcol-prelude"


def cache_folder() -> Path:
    """`$PRELUDE_CACHE_DIR`, else `prelude-otel` in the user's cache folder (on Linux by the XDG Base Directory Specification)."""
    chosen = os.environ.get("PRELUDE_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "prelude-otel"


def cached_binary() -> Path:
    """Where the Collector of this builder-config.yaml lies on this kind of machine, whether it is there or not."""
    recipe = hashlib.sha256(BUILDER_CONFIG.read_bytes())
    recipe.update(f"{platform.system()}/{platform.machine()}".encode())
    return cache_folder() / "collector" / recipe.hexdigest()[:16] / BINARY
