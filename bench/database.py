"""The database of a benchmark: embedded, fresh, with our schema, and gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prelude_store.embedded import EmbeddedPostgres
from prelude_store.migrations import migrate

__all__ = ["fresh_database"]


@contextmanager
def fresh_database(parent: Path | None = None, **settings: str) -> Iterator[tuple[str, Path]]:
    """Its URL, and a folder for all else that a benchmark writes.

    Args:
        parent: where the folder is made; the system's place for temporary files when not given.
        settings: of the server, beside a WAL that is large enough for no checkpoint to fall into a round by its size.
    """
    with (
        tempfile.TemporaryDirectory(prefix="prelude-bench-", dir=parent) as folder,
        EmbeddedPostgres(Path(folder) / "data", settings={"max_wal_size": "4GB", **settings}) as server,
    ):
        migrate(server.url)
        yield server.url, Path(folder)
