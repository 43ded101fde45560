"""The embedded PostgreSQL as a process of its own, as `prelude up` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from prelude_otel.errors import StoreError
from prelude_store.embedded import DATABASE, EmbeddedPostgres
from prelude_store.migrations import migrate
from prelude_store.partitions import ensure_ahead
from prelude_store.signalled import until_signalled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["LOGINS", "run"]

LOGINS: Final = {
    "writer": ("prelude_exporter", ("prelude_writer",)),
    "analytics": ("prelude_analytics", ("prelude_reader", "prelude_keeper", "prelude_access", "prelude_sealer")),
    "care": ("prelude_care", ("prelude_governor", "prelude_writer")),
    "reader": ("prelude_query", ("prelude_reader",)),
}
"""Logins that are made beside the superuser, with the roles that each is in, so that no part holds more rights than it needs."""

_LOOK_SECONDS: Final = 1.0


def run(data_dir: Path, ready: Callable[[dict[str, str]], None]) -> None:
    """Start, migrate, call `ready` with the URLs, and stay until SIGTERM or SIGINT; then stop the server.

    Raises:
        StoreError: the server does not start, or ends by itself.
    """
    with until_signalled() as stop, EmbeddedPostgres(data_dir) as server:
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            ensure_ahead(connection)
            for login, roles in LOGINS.values():
                _make_login(connection, login, roles)
        urls = {f"{part}_url": server.url_for(DATABASE, login) for part, (login, _) in LOGINS.items()}
        if not stop.is_set():
            ready({"url": server.url} | urls)
        while not stop.wait(_LOOK_SECONDS):
            if not server.is_running():
                raise StoreError(
                    f"the embedded PostgreSQL in {data_dir} has ended by itself; its log is beside its data"
                )


def _make_login(connection: psycopg.Connection[tuple[Any, ...]], login: str, roles: Sequence[str]) -> None:
    """A login in those of `roles` that there are, made or given what it lacks."""
    there = {
        name
        for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", [[login, *roles]])
    }
    if login not in there:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(login)))
    for role in roles:
        if role in there:
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)))
