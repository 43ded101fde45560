"""A connection of one who governs the log; what the database says becomes an error of ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from prelude_otel.errors import StoreError, StoreUnavailableError
from prelude_store import migrations
from prelude_store.connection import connect, said
from prelude_store.settings import database_url as find_database_url
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prelude_store.connection import BoundedConnection, Connection

__all__ = ["governing"]


def _plain(conninfo: str) -> BoundedConnection:
    connection = connect(conninfo, "prelude-govern")
    try:
        migrations.check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def governing(flag: str | None, connected: Callable[[str], BoundedConnection] = _plain) -> Iterator[Connection]:
    """A connection in autocommit mode.

    Args:
        flag: what ``--database-url`` said, if anything.
        connected: opens it.

    Raises:
        StoreError: the login lacks rights; says what to grant.
        StoreUnavailableError: the database can't be reached, or was lost.
    """
    conninfo = find_database_url(flag)
    try:
        with connected(conninfo) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            f"this login of {target(conninfo)} may not do that: GRANT prelude_governor TO it ({said(error)})"
        ) from None
    except psycopg.OperationalError as error:
        raise StoreUnavailableError(f"{target(conninfo)} did not do that: {said(error)}") from None
