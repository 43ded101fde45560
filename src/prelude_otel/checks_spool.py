"""What `prelude doctor` says of a service's spool."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prelude_otel.settings import Settings

__all__ = ["check_spool"]

Finding = tuple[str, bool | None, str, str]

_MIB: Final = 1024 * 1024
_LITTLE: Final = 64 * _MIB
"""Of free disk: a few segments of a spool."""
_NEARLY: Final = 0.9
_OLD_S: Final = 600.0
_REMEDY_FOLDER: Final = "give PRELUDE_SPOOL a folder on a local disk that the service's user may write to"


def check_spool(settings: Settings) -> Iterator[Finding]:
    """Whether it can be written to, has room, and gets rid of what it holds."""
    folder = settings.spool
    if folder is None:
        yield "spool", True, "none: what is not sent yet is in memory, and lost with the process", ""
        return
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    trouble = _trouble_in(existing)
    if trouble is not None:
        yield trouble
        return
    free = shutil.disk_usage(existing).free
    if free < _LITTLE:
        found = f"the disk of {folder} has {free / _MIB:.0f} MiB left; once it is full, activities wait in memory alone"
        yield "spool", False, found, "make room on that disk, or give PRELUDE_SPOOL a folder on another"
    elif existing != folder:
        yield "spool", True, f"{folder} will be made", ""
    else:
        yield _size(folder, settings.spool_max_bytes)
        yield from _backlog(folder)


def _trouble_in(folder: Path) -> Finding | None:
    """What happens to one who writes there: looking at its rights tells neither of full disks nor of read-only ones."""
    path = folder / f".doctor-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with path.open("xb") as file:
            file.write(bytes(4096))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            found = f"the disk of {folder} is full: activities wait in memory alone"
            return "spool", False, found, "make room on that disk, or give PRELUDE_SPOOL a folder on another"
        return "spool", False, f"{folder} can't be written to: {error.strerror or error}", _REMEDY_FOLDER
    finally:
        with suppress(OSError):
            path.unlink()
    return None


def _size(folder: Path, most: int) -> Finding:
    size = sum(_stat(path)[0] for path in folder.iterdir())
    said = f"{folder} takes {size / _MIB:.0f} MiB of {most / _MIB:.0f}"
    if size < most * _NEARLY:
        return "spool", True, said, ""
    remedy = "mend what keeps it from being sent (below); PRELUDE_SPOOL_MAX_MIB gives it more room meanwhile"
    return "spool", False, f"{said}; beyond that, activities wait in memory alone", remedy


def _backlog(folder: Path) -> Iterator[Finding]:
    refused = [path for path in folder.iterdir() if path.suffix == ".refused"]
    if refused:
        found = f"{len(refused)} requests that the receiver refused for good are kept in {folder}"
        yield (
            "spool refusals",
            False,
            found,
            "the service's log says why they were refused; delete the files when that is settled",
        )
    ages = [time.time() - _stat(path)[1] for path in folder.iterdir() if path.suffix == ".spool"]
    if len(ages) > 1 and max(ages) > _OLD_S:
        found = f"{len(ages)} files wait in {folder}, the oldest since {max(ages) / 60:.0f} minutes"
        yield "spool backlog", False, found, "start a service on this spool: it sends what earlier processes left"


def _stat(path: Path) -> tuple[int, float]:
    try:
        found = path.stat()
    except FileNotFoundError:  # sent meanwhile
        return 0, time.time()
    return found.st_size, found.st_mtime
