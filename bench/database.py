"""The database of a benchmark: embedded, with our schema; fresh and gone afterwards, or kept for the next one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prelude_store.embedded import EmbeddedPostgres
from prelude_store.migrations import migrate

__all__ = ["fresh_database", "kept_database"]

_SETTINGS: Final = {"max_wal_size": "4GB"}
"""A WAL that is large enough for no checkpoint to fall into a round by its size."""


@contextmanager
def fresh_database(parent: Path | None = None, **settings: str) -> Iterator[tuple[str, Path]]:
    """Its URL, and a folder for all else that a benchmark writes.

    Args:
        parent: where the folder is made; the system's place for temporary files when not given.
        settings: of the server.
    """
    with (
        tempfile.TemporaryDirectory(prefix="prelude-bench-", dir=parent) as folder,
        EmbeddedPostgres(Path(folder) / "data", settings={**_SETTINGS, **settings}) as server,
    ):
        migrate(server.url)
        yield server.url, Path(folder)


@contextmanager
def kept_database(folder: Path, **settings: str) -> Iterator[tuple[str, Path]]:
    """The same in `folder`, as it was left there or made now; it stays."""
    folder.mkdir(parents=True, exist_ok=True)
    with EmbeddedPostgres(folder / "data", settings={**_SETTINGS, **settings}) as server:
        migrate(server.url)
        yield server.url, folder.resolve()
