"""The database as answers see it: read only, as the role ``prelude_reader``, each time one snapshot and a limited time.

::

    PreludeError
    ├── StoreUnavailableError
    │   └── DatabaseUnavailableError    the database is away, or does not let us in; the API answers 503
    └── StoreError
        └── TooMuchError                a question took too long; the API answers 422 with what to narrow
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import psycopg
from fastapi import Depends
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.requests import HTTPConnection

from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store.connection import said
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prelude_analytics.settings import Settings

__all__ = ["Connection", "Database", "DatabaseUnavailableError", "Reads", "TooMuchError", "connection_pool", "trouble"]

Connection: TypeAlias = psycopg.AsyncConnection[dict[str, Any]]
"""What queries run on; rows are dicts."""

_DEFAULTS: Final[dict[str, str | int]] = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
    "client_encoding": "UTF8",
}
_GIVE_UP: Final = 1.0
"""Seconds after which the pool stops trying by itself; whoever asks next makes it try again, so that no back-off delays a recovery."""
_GRACE: Final = 2.0
"""Seconds beyond the timeout of a statement after which a server that does not answer counts as away."""
_AWAY: Final = "08", "53", "57", "58"
"""Classes of SQLSTATE that say that the database is away, full, stopping or ill."""
# One round trip: settings of the transaction only, so that a pooler in between may share connections.
_BEGIN: Final = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL ROLE prelude_reader;
SET LOCAL statement_timeout = {timeout};
SET LOCAL idle_in_transaction_session_timeout = {idle};
SET LOCAL work_mem = '32MB';
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL TimeZone = 'UTC';
SET LOCAL IntervalStyle = 'iso_8601'
"""
_log = logging.getLogger(__name__)


class DatabaseUnavailableError(StoreUnavailableError):
    """The database is away, or does not let us in; the same request may be sent again."""


class TooMuchError(StoreError):
    """A question took longer than a statement may."""


class Database:
    """A pool of connections that read. Made by `open`, which never waits for the database; closed by `close`."""

    def __init__(self, settings: Settings) -> None:
        self.conninfo: Final = settings.database_url
        """Where the database is, for parts that need a connection of their own; never to be shown."""
        self.settings: Final = settings
        self._wait = settings.database_wait
        self.patience: Final = settings.statement_timeout + _GRACE
        """Seconds after which a server that does not answer counts as away."""
        self._bounds: dict[Connection, asyncio.Timeout] = {}
        milliseconds = round(settings.statement_timeout * 1000)
        self._begin = _BEGIN.format(timeout=milliseconds, idle=milliseconds + 60_000)
        self._ending: set[asyncio.Task[None]] = set()
        self._pool = connection_pool(settings, "prelude-analytics", settings.connections)

    @classmethod
    async def open(cls, settings: Settings) -> Database:
        """Start connecting; returns at once, whether or not the database is there."""
        database = cls(settings)
        await database._pool.open(wait=False)
        return database

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*self._ending)
        await self._pool.close(timeout=1.0)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction: read only, one snapshot for all statements inside, as ``prelude_reader``.

        Keep it short: it holds one of a few connections. What streams for long opens one transaction for each part.

        Raises:
            DatabaseUnavailableError: the database is away, does not let us in, or did not answer.
            TooMuchError: a statement took longer than ``statement_timeout``.
        """
        async with self.read_first(None, {}) as (connection, _):
            yield connection

    @asynccontextmanager
    async def read_first(
        self, question: sql.SQL | None, parameters: Mapping[str, Any]
    ) -> AsyncIterator[tuple[Connection, list[dict[str, Any]]]]:
        """As `read`, and what the snapshot says to a first question, which travels with the beginning: one round trip for both.

        Args:
            question: None: there is none.
            parameters: numbers and times of ours. They are written into the statement, where texts of clients never are.
        """
        connection, rows = await self._begun(question, parameters)
        try:
            async with asyncio.timeout(self.patience) as self._bounds[connection]:
                yield connection, rows
        except TimeoutError:
            await connection.close()
            raise DatabaseUnavailableError(f"{target(self.conninfo)} does not answer") from None
        except psycopg.Error as error:
            raise trouble(error, self.conninfo) or error from error
        finally:
            self._bounds.pop(connection, None)
            self._end(connection)

    @asynccontextmanager
    async def unhurried(self, connection: Connection) -> AsyncIterator[None]:
        """Inside `read`: what is in here may take longer, as long as each of its statements ends within `patience`."""
        bound = self._bounds[connection]
        bound.reschedule(None)
        try:
            yield
        finally:
            bound.reschedule(asyncio.get_running_loop().time() + self.patience)

    async def _begun(
        self, question: sql.SQL | None, parameters: Mapping[str, Any]
    ) -> tuple[Connection, list[dict[str, Any]]]:
        """A connection that has begun its transaction, and the first answer; connections that died while they waited are thrown away."""
        try:
            async with asyncio.timeout(self._wait):
                while True:
                    connection = await self._pool.getconn(timeout=self._wait)
                    try:
                        rows = await self._ask_first(connection, question, parameters)
                    except psycopg.OperationalError:
                        dead = connection.closed or connection.broken
                        await self._pool.putconn(connection)
                        if not dead:
                            raise
                    except BaseException:
                        await self._ended(connection)
                        raise
                    else:
                        return connection, rows
        except (TimeoutError, PoolTimeout):
            raise DatabaseUnavailableError(
                f"no connection to {target(self.conninfo)} within {self._wait:g} s"
            ) from None
        except psycopg.Error as error:
            raise DatabaseUnavailableError(f"can't read {target(self.conninfo)}: {said(error)}") from None

    async def _ask_first(
        self, connection: Connection, question: sql.SQL | None, parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        if question is None:
            await connection.execute(self._begin.encode())
            return []
        # Several statements in one message have no parameters apart from it.
        cursor = psycopg.AsyncClientCursor(connection, row_factory=dict_row)
        await cursor.execute(sql.SQL(self._begin + ";") + question, parameters)
        while cursor.nextset():
            pass
        return await cursor.fetchall()

    def _end(self, connection: Connection) -> None:
        """End the transaction while the answer is on its way already."""
        ending = asyncio.create_task(self._ended(connection))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _ended(self, connection: Connection) -> None:
        if not connection.closed:
            try:
                async with asyncio.timeout(self._wait):
                    await connection.rollback()
            except (psycopg.Error, TimeoutError):
                await connection.close()
        await self._pool.putconn(connection)


def connection_pool(settings: Settings, name: str, size: int) -> AsyncConnectionPool[Connection]:
    """A pool that is not open yet; its connections are in autocommit mode.

    Args:
        settings: of the process.
        name: as ``pg_stat_activity`` shows it.
        size: connections at most.
    """
    conninfo = conninfo_to_dict(settings.database_url)
    return AsyncConnectionPool(
        kwargs={"application_name": name}
        | _DEFAULTS
        | conninfo
        | {"autocommit": True, "row_factory": dict_row, "prepare_threshold": None},
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        timeout=settings.database_wait,
        reconnect_timeout=_GIVE_UP,
        num_workers=2,
    )


def trouble(error: psycopg.Error, conninfo: str) -> Exception | None:
    """What an error of the database means for whoever asked; None where it is a fault of ours."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        return TooMuchError("this took too long")
    state = error.sqlstate or ""
    if (
        state[:2] in _AWAY
        or state in ("42501", "42P01", "25006")
        or (not state and isinstance(error, psycopg.OperationalError))
    ):
        return DatabaseUnavailableError(f"can't read {target(conninfo)}: {said(error)}")
    return None


async def _database(connection: HTTPConnection) -> Database:
    database: Database = connection.app.state.database
    return database


Reads: TypeAlias = Annotated[Database, Depends(_database)]
"""The database, as a parameter of a route."""
