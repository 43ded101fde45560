"""What analytics may do beyond reading the log: look into the quarantine, replay and discard; with a login of its own, where there is one.

The login of answers can't do any of it. Work is done in threads, a little at a time; each look opens a connection, and closes it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeAlias, TypeVar

import psycopg
from fastapi import Depends
from starlette.requests import HTTPConnection

from prelude_analytics.database import DatabaseUnavailableError, trouble
from prelude_analytics.problems import Problem
from prelude_otel.errors import PreludeError, StoreError, StoreUnavailableError
from prelude_store.connection import connect
from prelude_store.gauges import Gauges, measure
from prelude_store.governance.people import person_hash, person_key
from prelude_store.quarantine.entries import Entry, Selection, Stored, counts, entries, stored
from prelude_store.quarantine.purge import purge
from prelude_store.quarantine.reader import Reader, reader_of
from prelude_store.quarantine.replay import Replayed, replay
from prelude_store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prelude_analytics.settings import Settings
    from prelude_store.connection import Connection

__all__ = ["READING", "Care", "Cares", "Opened", "Waiting"]

_AT_ONCE: Final = 2
"""Connections."""
READING: Final = {"role": "prelude_governor", "default_transaction_read_only": "on"}
"""Settings of a session that only looks."""
_Found = TypeVar("_Found")


class Waiting(NamedTuple):
    """What waits: entries of the quarantine by their reason, and halves of spans and records."""

    reasons: dict[str, int]
    joins: Gauges


class Opened(NamedTuple):
    """An entry, and its record as far as it can be read; `unreadable` says why it can't."""

    entry: Stored
    record: Any
    unreadable: str | None


class Care:
    """The quarantine and the joins, as ``prelude_governor``; replays also as ``prelude_writer``.

    Args:
        settings: of the process; without a ``care_url`` there is nothing.

    Every method raises `DatabaseUnavailableError`, and `TooMuchError` where a statement took too long.
    """

    def __init__(self, settings: Settings) -> None:
        self._conninfo = settings.care_url
        self._timeout = f"{settings.statement_timeout:g}s"
        self._catalogues: tuple[Path, ...] = settings.catalogues
        self._past, self._future = (
            timedelta(days=settings.accept_past_days),
            timedelta(hours=settings.accept_future_hours),
        )
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._reader: Reader | None = None

    def __bool__(self) -> bool:
        """Whether there is a login for it."""
        return bool(self._conninfo)

    async def waiting(self) -> Waiting:
        """What waits."""
        return await self._look(lambda connection: Waiting(counts(connection, Selection()), measure(connection)))

    async def person(self, address: str) -> str:
        """The keyed hash by which acts name the person of `address`, in hexadecimal."""
        return await self._look(lambda connection: person_hash(person_key(connection), address).hex())

    async def entries(self, selection: Selection, limit: int, before: int | None) -> list[Entry]:
        """The newest `limit` entries, older than the entry `before`."""
        return await self._look(lambda connection: entries(connection, selection, limit=limit, before=before))

    async def open(self, number: int) -> Opened:
        """One entry as a whole.

        Raises:
            Problem: 404, there is none.
        """

        def look(connection: Connection) -> Opened:
            entry = _found(connection, number)
            try:
                return Opened(entry, self._read().readable(entry.signal, entry.payload), None)
            except PreludeError as error:  # no record, or nothing here that reads such
                return Opened(entry, None, str(error))

        return await self._look(look)

    async def replay(self, number: int) -> tuple[Replayed, Stored]:
        """Try one entry again; gives what became of it, and the entry as it is now.

        Raises:
            Problem: 404, there is none; 409, it can't be read here, or was replayed already.
        """

        def work(connection: Connection) -> tuple[Replayed, Stored]:
            before = _found(connection, number)
            if before.replayed_at is not None:
                raise Problem(
                    409, "Replayed already", f"entry {number} became a row at {before.replayed_at.isoformat()}"
                )
            writer = Writer(
                self._conninfo, accept_past=self._past, accept_future=self._future, application_name="prelude-replay"
            )
            try:
                done = replay(connection, writer, self._read(), Selection(ids=(number,)))
            finally:
                writer.close()
            return done, _found(connection, number)

        return await self.do(work)

    async def discard(self, number: int) -> None:
        """Delete one entry for good.

        Raises:
            Problem: 404, there is none.
        """

        def work(connection: Connection) -> None:
            if not purge(connection, Selection(ids=(number,), state="all")):
                raise _none(number)

        await self.do(work)

    def refuse_without_login(self, what: str) -> None:
        """Say what is to be set.

        Raises:
            Problem: 501.
        """
        if not self:
            said = f"{what} needs a login in prelude_governor and prelude_writer, and this service was given none: PRELUDE_CARE_DATABASE_URL"
            raise Problem(501, f"No login for {what}", said)

    async def _look(self, work: Callable[[Connection], _Found]) -> _Found:
        return await self.do(work, **READING)

    async def do(self, work: Callable[[Connection], _Found], what: str = "the quarantine", **settings: str) -> _Found:
        """Have `work` done in a thread, on a connection of its own.

        Args:
            what: it is about, for who has no login for it.
            settings: of the session.

        Raises:
            Problem: 501, there is no login for it.
        """
        self.refuse_without_login(what)

        def done() -> _Found:
            with self._connected(**settings) as connection:
                return work(connection)

        async with self._turns:
            return await asyncio.to_thread(done)

    @property
    def conninfo(self) -> str:
        """The login; never to be shown."""
        return self._conninfo

    @contextmanager
    def _connected(self, **settings: str) -> Iterator[Connection]:
        try:
            given = {"statement_timeout": self._timeout} | settings
            with connect(self._conninfo, "prelude-analytics-care", **given) as connection:
                yield connection
        except StoreUnavailableError as error:
            raise DatabaseUnavailableError(str(error)) from None
        except psycopg.Error as error:
            raise trouble(error, self._conninfo) or error from error

    def _read(self) -> Reader:
        try:
            self._reader = self._reader or reader_of(self._catalogues)
        except PreludeError as error:  # no reader is installed, or a catalogue is wrong
            raise Problem(501, "No reader", str(error)) from None
        return self._reader


def _found(connection: Connection, number: int) -> Stored:
    try:
        return stored(connection, number)
    except StoreUnavailableError:
        raise
    except StoreError:
        raise _none(number) from None


def _none(number: int) -> Problem:
    return Problem(
        404, "No such entry", f"the quarantine has no entry {number}; GET /api/analytics/quarantine lists them"
    )


def _care(connection: HTTPConnection) -> Care:
    care: Care = connection.app.state.care
    return care


Cares: TypeAlias = Annotated[Care, Depends(_care)]
"""The quarantine and the joins, as a parameter of a route."""
