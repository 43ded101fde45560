"""The folder of a spool: names, sizes, what was left by processes that are gone, and what receivers refused."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from prelude_otel import problems
from prelude_otel.errors import ConfigurationError
from prelude_otel.spool.segment import ForeignSegmentError, Segment

__all__ = ["SpoolFolder"]

_SUFFIX: Final = ".spool"
_DRAFT: Final = ".draft"
_REFUSED: Final = ".refused"
_OLD_DRAFT_S: Final = 60.0
_MAX_REFUSED: Final = 1000


class SpoolFolder:
    """A folder that several processes may share, on a local disk.

    Raises:
        ConfigurationError: it can't be made, or nothing can be made in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            writable = os.access(path, os.W_OK | os.X_OK)
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        if not writable:
            raise _unusable(path, "this process may not write there")

    def new_path(self) -> Path:
        """A name that nobody else has; names sort by age."""
        return self._path(_SUFFIX)

    def size(self) -> int:
        """Bytes that all files take, refused ones included."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # somebody may have deleted it
        total = 0
        with os.scandir(self.path) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    total += entry.stat().st_size
        return total

    def candidates(self, own: set[Path]) -> list[Path]:
        """Files of other processes, the oldest first; deletes drafts that nobody will finish."""
        found = []
        for path in self.path.iterdir():
            if path.suffix == _SUFFIX and path not in own:
                found.append(path)
            elif path.suffix == _DRAFT:
                with suppress(OSError):  # gone meanwhile, or somebody else's
                    if time.time() - path.stat().st_mtime > _OLD_DRAFT_S:
                        path.unlink()
        return sorted(found)

    def adopt(self, path: Path) -> Segment | None:
        """The file at `path`, where its writer is gone and this program can read it."""
        try:
            return Segment.adopt(path)
        except ForeignSegmentError as error:
            problems.once(str(path), f"{error}; it stays in {self.path}: another version may send it")
        except OSError as error:
            problems.once(str(path), f"{path} can't be read: {error.strerror}; another process may send it")
        return None

    def set_aside(self, request: bytes) -> bool:
        """Keep a request that the receiver refuses for good; False where a thousand are kept already, or there is no room."""
        path = self._path(_REFUSED)
        try:
            if sum(1 for kept in self.path.iterdir() if kept.suffix == _REFUSED) >= _MAX_REFUSED:
                return False
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(request)
                file.flush()
                os.fsync(file.fileno())  # it leaves the spool next
        except OSError:
            with suppress(OSError):
                path.unlink()
            return False
        return True

    def sync(self) -> None:
        """Return when the names of the files are on the device."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, suffix: str) -> Path:
        return self.path / f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{suffix}"


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"spool={str(path)!r} can't be used: {why}; give a folder on a local disk that this process may write to"
    )
