"""The schema: numbered ``.sql`` files, each applied once, in order, in a transaction of its own, under an advisory lock."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from prelude_otel.errors import SchemaError, StoreError
from prelude_store.connection import Connection, connect, said
from prelude_store.settings import target

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Migration", "check", "migrate", "migrations", "schema_version"]

_LOCK: Final = 0x7072656C756465  # "prelude"
_BOOKKEEPING: Final = """
CREATE TABLE IF NOT EXISTS public.prelude_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
-- Version numbers are no secret, and any login may want to know why it can't work.
GRANT SELECT ON public.prelude_migrations TO PUBLIC;
"""


class Migration(NamedTuple):
    """One numbered file."""

    version: int
    name: str
    statements: str


def migrations() -> list[Migration]:
    """All migrations that this program knows, in order, numbered from 1 without a gap."""
    found = sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".sql"))
    known = [
        Migration(int(name[:4]), name.removesuffix(".sql"), files(__name__).joinpath(name).read_text("utf-8"))
        for name in found
    ]
    if [migration.version for migration in known] != list(range(1, len(known) + 1)):
        raise SchemaError(f"the migrations are not numbered from 1 without a gap: {', '.join(found)}")
    return known


def migrate(conninfo: str, progress: Callable[[str], None] = lambda _name: None) -> list[str]:
    """Bring the schema up to this program; safe to run from several places at once.

    Args:
        conninfo: a login that may create roles on the first run (later: any member of ``prelude_owner``).
        progress: told the name of each migration before it is applied.

    Returns:
        Names of the migrations that were applied.

    Raises:
        SchemaError: the schema is newer than this program, or the database can't hold all of Unicode.
        StoreError: the database refused; what it said.
        StoreUnavailableError: the database can't be reached.
    """
    with connect(conninfo, "prelude-migrate") as connection:
        _refuse_other_encodings(connection)
        applied: list[str] = []
        name = "the look at what is there"
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            version = schema_version(connection)
            known = migrations()
            _refuse_newer(version, len(known))
            for migration in known[version:]:
                name = migration.name
                progress(name)
                _apply(connection, migration)
                applied.append(name)
        except psycopg.Error as error:
            raise StoreError(f"migrating {target(conninfo)} failed at {name}: {said(error)}") from error
        return applied


def schema_version(connection: Connection) -> int:
    """Number of the newest migration that the database has; 0 where there is no schema of ours."""
    row = connection.execute("SELECT to_regclass('public.prelude_migrations') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM public.prelude_migrations").fetchone()
    return int(row[0]) if row else 0


def check(connection: Connection) -> None:
    """Make sure that the schema is the one that this program was written for.

    Raises:
        SchemaError: it is missing, older or newer; the message says what to do.
    """
    version, wanted = schema_version(connection), len(migrations())
    database = connection.info.dbname
    if version == 0:
        raise SchemaError(f"the database {database!r} has no schema of prelude-otel; run: prelude store migrate")
    if version < wanted:
        raise SchemaError(
            f"the schema of {database!r} is at {version}, this program needs {wanted}; run: prelude store migrate"
        )
    _refuse_newer(version, wanted)


def _refuse_newer(version: int, known: int) -> None:
    if version > known:
        raise SchemaError(
            f"the schema is at {version}, newer than this program, which knows {known}; upgrade prelude-otel"
        )


def _refuse_other_encodings(connection: Connection) -> None:
    row = connection.execute("SELECT current_setting('server_encoding'), current_database()").fetchone()
    if row and row[0] != "UTF8":
        raise SchemaError(
            f"the database {row[1]!r} is encoded as {row[0]}, and must be UTF8;"
            " make another with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def _apply(connection: Connection, migration: Migration) -> None:
    with connection.transaction():
        if migration.version > 1:  # the first one makes the roles, and needs the login's own rights
            connection.execute("SET LOCAL ROLE prelude_owner")
        connection.execute(migration.statements.encode())  # bytes: a file is no template for parameters
        connection.execute("SET LOCAL ROLE prelude_owner")
        connection.execute(_BOOKKEEPING)
        connection.execute(
            "INSERT INTO public.prelude_migrations (version, name) VALUES (%s, %s)", [migration.version, migration.name]
        )
