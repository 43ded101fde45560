"""Everything anew from raw rows, day by day, rollups and sessions side by side; beside a keeper or without one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Final

import psycopg

from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store.connection import said
from prelude_store.rollups import building
from prelude_store.rollups.keeper import connected
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["rebuild"]

_WORKERS: Final = ("rollups", "rollups", "sessions")
"""What each connection works on. Rollups take thrice as long as sessions, which come one day after the other."""
_PATIENCE: Final = 0.1
"""Seconds between looks, where the days that are left are in others' hands."""


def rebuild(conninfo: str, progress: Callable[[int, int], None] | None = None, *, anew: bool = False) -> int:
    """Build rollups and sessions from raw rows; gives how many days were built.

    Each day is exchanged in a transaction of its own. The watermark stands meanwhile, and a keeper helps. An interrupted rebuild is gone
    on with. Sessions come in from the first day to the last, and are incomplete until then.

    Args:
        conninfo: a login that is a member of ``prelude_keeper``.
        progress: told days done and days in all; each day counts twice, for its rollups and for its sessions.
        anew: begin again, even where an interrupted one could be gone on with.

    Raises:
        SchemaError: the schema is missing, older or newer than this program.
        StoreUnavailableError: the database can't be reached, or was lost; call again to go on.
        StoreError: the login lacks rights.
    """
    stop = Event()
    try:
        with connected(conninfo, "prelude-rebuild") as connection:
            # A keeper may build the first days before anybody looks again.
            total = (not anew and building.left(connection)) or _insisting(lambda: building.begin(connection))
            with ThreadPoolExecutor(len(_WORKERS)) as pool:
                working = [pool.submit(_work, conninfo, part, stop) for part in _WORKERS]
                try:
                    while (left := building.left(connection)) and not any(
                        work.done() and work.exception() for work in working
                    ):
                        if progress is not None:
                            progress(total - left, total)
                        stop.wait(0.2)
                finally:
                    stop.set()
                for work in working:
                    work.result()
            if progress is not None:
                progress(total, total)
            connection.execute("ANALYZE public.user_session_summaries")
            return total
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(f"this login may not keep rollups: GRANT prelude_keeper TO it ({said(error)})") from None
    except psycopg.Error as error:
        raise StoreUnavailableError(f"lost {target(conninfo)}: {said(error)}; run it again to go on") from None


def _work(conninfo: str, part: str, stop: Event) -> None:
    with connected(conninfo, "prelude-rebuild") as connection:
        while not stop.is_set():
            try:
                if not building.build_next(connection, part):
                    if not building.left(connection):
                        return
                    stop.wait(_PATIENCE)
            except psycopg.errors.SerializationFailure:
                continue


def _insisting(what: Callable[[], int]) -> int:
    while True:
        try:
            return what()
        except psycopg.errors.SerializationFailure:
            continue
