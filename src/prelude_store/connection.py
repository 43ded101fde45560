"""Connections with settings of ours, and errors without passwords."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from prelude_otel.errors import StoreUnavailableError
from prelude_store.settings import target

__all__ = ["Connection", "connect", "said"]

Connection = psycopg.Connection[tuple[Any, ...]]
"""What every part of this room works on; rows are tuples."""

_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": 3,
    # A network that swallows packets must be noticed before the sender of a request gives up (5 s).
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}


def connect(conninfo: str, application_name: str, **settings: str) -> Connection:
    """Open a connection in autocommit mode, with UTC, ISO dates and quiet notices.

    Args:
        conninfo: URL or connection string; what it says wins over our defaults.
        application_name: as ``pg_stat_activity`` shows it.
        settings: of the session, e.g. ``statement_timeout="4s"``.

    Raises:
        StoreUnavailableError: nobody answers there, or we are refused.
    """
    parameters: dict[str, Any] = {"application_name": application_name} | _DEFAULTS
    parameters |= conninfo_to_dict(conninfo)
    session = {
        "timezone": "UTC",
        "datestyle": "ISO",
        "client_min_messages": "warning",
        "client_encoding": "UTF8",
    } | settings
    try:
        connection = psycopg.connect(autocommit=True, **parameters)
        try:
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
