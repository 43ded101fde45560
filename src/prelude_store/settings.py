"""Where the database is: flag, then ``PRELUDE_DATABASE_URL``, then the reference's ``ANALYTICS_DB_*``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DATABASE_URL", "database_url", "target"]

DATABASE_URL: Final = "PRELUDE_DATABASE_URL"
DEFAULT_DATABASE: Final = "prelude_user_analytics"


def database_url(flag: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What libpq takes to reach the database: a URL or a connection string.

    Args:
        flag: what ``--database-url`` said, if anything.
        environment: taken from the process where not given; a ``.env`` file has been read into it by the command.

    Raises:
        ConfigurationError: nothing says where the database is, or what says it can't be read.
    """
    environment = os.environ if environment is None else environment
    for source, value in (("--database-url", flag), (DATABASE_URL, environment.get(DATABASE_URL))):
        if value:
            return _checked(source, value)
    host = environment.get("ANALYTICS_DB_HOST")
    if not host:
        raise ConfigurationError(
            f"nothing says where the database is: give --database-url, or set {DATABASE_URL}, or ANALYTICS_DB_HOST and its companions"
        )
    parts = {
        "host": host,
        "port": environment.get("ANALYTICS_DB_PORT"),
        "user": environment.get("ANALYTICS_DB_USER"),
        "password": environment.get("ANALYTICS_DB_PASSWORD"),
        "dbname": environment.get("ANALYTICS_DB_NAME") or DEFAULT_DATABASE,
    }
    port = parts["port"]
    if port and not port.isdecimal():
        raise ConfigurationError(f"ANALYTICS_DB_PORT is {port!r}, which is no port number")
    return make_conninfo("", **{name: value for name, value in parts.items() if value})


def target(conninfo: str) -> str:
    """Where `conninfo` leads, fit for messages: user, host, port and database, never the password."""
    try:
        parts = conninfo_to_dict(conninfo)
    except (ProgrammingError, UnicodeDecodeError):
        return "the database"
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    user = f"{parts['user']}@" if parts.get("user") else ""
    return f"{user}{host}{port}/{parts.get('dbname') or ''}"


def _checked(source: str, value: str) -> str:
    try:
        parts = conninfo_to_dict(value)
    except (ProgrammingError, UnicodeDecodeError):
        # libpq's own message repeats what it could not read, password and all.
        raise ConfigurationError(
            f"the database URL from {source} can't be read (a % in a password is written %25); it looks like postgresql://user:password@host:5432/{DEFAULT_DATABASE}"
        ) from None
    # An @ or / in a password that is not encoded ends up in the host or in the name, which are shown.
    if any("@" in str(parts.get(part, "")) for part in ("host", "port", "dbname")):
        raise ConfigurationError(
            f"the database URL from {source} is cut in the wrong place: in its password write %40 for @, %2F for /, %3A for :, "
            "%3F for ?, %23 for #, %25 for %"
        )
    return value
