"""All that is held on a person, read in threads for who asks over HTTP; given up as soon as nobody reads it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from prelude_analytics.database import trouble
from prelude_analytics.problems import Problem
from prelude_store.catalogues import known
from prelude_store.dossier import Dossier, NothingHeldError, open_dossier
from prelude_store.quarantine.reader import reader_of

if TYPE_CHECKING:
    from prelude_analytics.database import Database
    from prelude_store.mentions.person import Person

__all__ = ["AT_ONCE", "archive_headers", "free", "opened", "parts_of"]

AT_ONCE: Final = 2
"""Of one process: each has a connection of its own, and may walk through the whole log."""
_LOOK_EVERY: Final = 0.5
"""Seconds between two looks whether somebody still waits."""
_log = logging.getLogger(__name__)
free = threading.BoundedSemaphore(AT_ONCE)
"""How many more may be made."""


class _AbandonedError(Exception):
    """Nobody waits for it any more."""


async def opened(
    database: Database,
    address: Person,
    catalogues: Sequence[Path],
    gone: Callable[[], Awaitable[bool]],
    *,
    with_others: bool,
) -> Dossier:
    """The dossier, as soon as it is known that there is something; for `parts_of`, which ends it.

    Args:
        catalogues: catalogue files of the services: they say which fields are personal.
        gone: whether who asked has gone away.

    Raises:
        Problem: 404, nothing is held; 429, too many are made at once; 499, nobody waits for it any more.
    """
    if not free.acquire(blocking=False):
        raise Problem(
            429, "Busy", f"{AT_ONCE} such exports are under way here; come again later", headers={"retry-after": "30"}
        )
    abandoned = threading.Event()

    def go_on(_what: str, _done: int, _of: int) -> None:
        if abandoned.is_set():
            raise _AbandonedError

    def begin() -> Dossier:
        return open_dossier(
            database.conninfo, address, reader_of(at_hand=True), catalogue=known(catalogues), with_others=with_others,
            application_name="prelude-analytics-dossier", progress=go_on,
        )  # fmt: skip

    opening = asyncio.ensure_future(asyncio.to_thread(begin))
    try:
        while not opening.done():
            await asyncio.wait([opening], timeout=_LOOK_EVERY)
            if not opening.done() and await gone():
                raise Problem(499, "Nobody waits", "who asked for it has gone away")
    except BaseException:
        abandoned.set()
        opening.add_done_callback(_let_go)
        raise
    try:
        return opening.result()
    except BaseException as error:
        free.release()
        if isinstance(error, NothingHeldError):
            raise Problem(404, "Nothing held", str(error)) from None
        if isinstance(error, psycopg.Error):
            raise trouble(error, database.conninfo) or error from error
        raise


async def parts_of(dossier: Dossier) -> AsyncGenerator[bytes, None]:
    """Its bytes. Closed before their end, it lets go of the database and of its file, as soon as the thread that reads returns."""
    parts = iter(dossier)
    reading: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            reading = asyncio.ensure_future(asyncio.to_thread(next, parts, None))
            part = await asyncio.shield(reading)
            if part is None:
                return
            yield part
    finally:
        _end(dossier, parts, reading)


def _end(dossier: Dossier, parts: Generator[bytes, None, None], reading: asyncio.Future[bytes | None] | None) -> None:
    """Close it in a thread: what is read meanwhile must not lose its connection under its feet."""
    loop = asyncio.get_running_loop()

    def close() -> None:
        try:
            parts.close()
        except psycopg.Error as error:  # it was stopped
            _log.debug("an export was given up: %s", error)
        finally:
            dossier.close()
            free.release()

    def close_then(done: asyncio.Future[bytes | None]) -> None:
        if not done.cancelled():
            done.exception()
        loop.run_in_executor(None, close)

    if reading is None or reading.done():
        loop.run_in_executor(None, close)
    else:
        loop.run_in_executor(None, dossier.stop)
        reading.add_done_callback(close_then)


def archive_headers(dossier: Dossier) -> dict[str, str]:
    """Of an answer that is a dossier."""
    name = f"personal-data-{dossier.made_at:%Y%m%dT%H%M%SZ}.zip"
    return {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }


def _let_go(opening: asyncio.Future[Dossier]) -> None:
    """Close what nobody waited for."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
    free.release()
