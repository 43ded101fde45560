"""Connections with settings of ours, a limit to how long they wait, and errors without passwords."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from prelude_otel.errors import StoreUnavailableError
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["DEFAULTS", "BoundedConnection", "Connection", "NoAnswerError", "connect", "said"]

_Result = TypeVar("_Result")

Connection = psycopg.Connection[tuple[Any, ...]]
"""What every part of this room works on; rows are tuples."""

DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 3,
    # A network that swallows packets must be noticed before the sender of a request gives up (5 s).
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}
_GREETING = 3.0
"""Seconds that a server may take to answer its first question, after it has let us in."""


class NoAnswerError(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed, and whether a COMMIT was carried out is not known."""


class BoundedConnection(Connection):
    """A connection whose waits can be limited.

    Neither a timeout of the server nor one of TCP ends the wait for a server that hangs (a stopped process, a disk that does not
    return) behind a network that works. `answer_within` does.
    """

    _answer_until: float | None = None

    @contextmanager
    def answer_within(self, seconds: float) -> Iterator[None]:
        """Give the server `seconds` for all that is asked of it inside.

        Raises:
            NoAnswerError: they were not enough.
        """
        self._answer_until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._answer_until = None

    # Every round trip of psycopg comes by here; what further arguments there are depends on its version.
    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **options: Any) -> _Result:
        """Run `gen` to its end."""
        return super().wait(gen if self._answer_until is None else self._in_time(gen), *args, **options)

    def _in_time(self, gen: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
        try:
            wants = next(gen)
            while True:
                ready = yield wants  # at least ten times a second
                if self._answer_until is not None and time.monotonic() > self._answer_until:
                    self.pgconn.finish()
                    raise NoAnswerError("the server did not answer in time")
                wants = gen.send(ready)
        except StopIteration as end:
            result: _Result = end.value
            return result


def connect(conninfo: str, application_name: str, **settings: str) -> BoundedConnection:
    """Open a connection in autocommit mode, with UTC, ISO dates and quiet notices.

    Args:
        conninfo: URL or connection string; what it says wins over our defaults.
        application_name: as ``pg_stat_activity`` shows it.
        settings: of the session, e.g. ``statement_timeout="4s"``.

    Raises:
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    parameters: dict[str, Any] = {"application_name": application_name} | DEFAULTS
    parameters |= conninfo_to_dict(conninfo)
    session = {
        "timezone": "UTC",
        "datestyle": "ISO",
        "client_min_messages": "warning",
        "client_encoding": "UTF8",
    } | settings
    try:
        connection = BoundedConnection.connect(autocommit=True, **parameters)
        try:
            with connection.answer_within(_GREETING):
                # synchronous_commit off would say yes before the commit is on disk.
                connection.execute(
                    "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)"
                    " UNION ALL SELECT set_config('synchronous_commit', 'local', false)"
                    " WHERE current_setting('synchronous_commit') = 'off'",
                    [list(session), list(session.values())],
                )
        except BaseException:
            connection.close()
            raise
    except psycopg.Error as error:
        raise StoreUnavailableError(f"can't use {target(conninfo)}: {said(error)}") from None
    return connection


def said(error: psycopg.Error) -> str:
    """What the database said, in one line, with its SQLSTATE; never a row's values, which stand in DETAIL and CONTEXT."""
    message = error.diag.message_primary or str(error)
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return " ".join(message.split()) + state
