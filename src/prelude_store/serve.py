"""The embedded PostgreSQL as a process of its own, as `prelude up` runs it."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from prelude_otel.errors import StoreError
from prelude_store.embedded import DATABASE, EmbeddedPostgres
from prelude_store.migrations import migrate
from prelude_store.partitions import ensure_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

__all__ = ["LOGINS", "run"]

LOGINS: Final = {"writer": "prelude_exporter", "reader": "prelude_analytics"}
"""Logins that are made beside the superuser, so that no part holds more rights than it needs."""

_LOOK_SECONDS: Final = 1.0


def run(data_dir: Path, ready: Callable[[dict[str, str]], None]) -> None:
    """Start, migrate, call `ready` with the URLs, and stay until SIGTERM or SIGINT; then stop the server.

    Raises:
        StoreError: the server does not start, or ends by itself.
    """
    with _until_signalled() as stop, EmbeddedPostgres(data_dir) as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            ensure_ahead(connection)
            for role, login in LOGINS.items():
                if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone() is None:
                    grant = sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}")
                    connection.execute(grant.format(sql.Identifier(login), sql.Identifier(f"prelude_{role}")))
        urls = {f"{role}_url": server.url_for(DATABASE, login) for role, login in LOGINS.items()}
        if not stop.is_set():
            ready({"url": server.url} | urls)
        while not stop.wait(_LOOK_SECONDS):
            if not server.is_running():
                raise StoreError(
                    f"the embedded PostgreSQL in {data_dir} has ended by itself; its log is beside its data"
                )


@contextlib.contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    stop = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
