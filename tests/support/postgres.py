"""One PostgreSQL for the whole test session, and a fresh database for each test that asks for one."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from prelude_store.embedded import EmbeddedPostgres, binaries
from prelude_store.migrations import migrate

if TYPE_CHECKING:
    from pathlib import Path

SERVER_URL: Final = "PRELUDE_TEST_SERVER_URL"
"""Environment variable: a superuser's URL of another server to test against, e.g. of an older version. Its roles and databases
named ``prelude_test_*`` are ours."""

ROLES: Final = ("owner", "writer", "reader", "governor", "sealer", "keeper", "access")
ANALYTICS_LOGIN: Final = "prelude_test_analytics"
"""Has the rights of the analytics service, and no others."""
CARE_LOGIN: Final = "prelude_test_care"
"""Has the rights of the analytics service for the quarantine, and no others."""
PASSWORD_LOGIN: Final = "prelude_test_password"
PASSWORD: Final = "open-sesame-42"

# Each worker of pytest-xdist has a template and databases of its own, should they share a server.
_TEMPLATE: Final = f"prelude_test_template_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
_ROLES_LOCK: Final = 0x726F6C65  # "role"
_numbers = count(1)


class TestServer:
    """A running server with a migrated template database, and one login for each role."""

    __test__ = False

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url, autocommit=True) as connection:
            self.version = connection.info.server_version
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_TEMPLATE)))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE)))
            migrate(self.url_for(_TEMPLATE))
            connection.execute("SELECT pg_advisory_lock(%s)", [_ROLES_LOCK])
            for role in ROLES:
                login, group = f"prelude_test_{role}", sql.Identifier(f"prelude_{role}")
                if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone() is None:
                    made = sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(sql.Identifier(login), group)
                    connection.execute(made)
            for login, groups in (
                (ANALYTICS_LOGIN, "prelude_reader, prelude_access, prelude_keeper"),
                (CARE_LOGIN, "prelude_governor, prelude_writer"),
            ):
                if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone() is None:
                    connection.execute(f"CREATE ROLE {login} LOGIN IN ROLE {groups}".encode())

    def url_for(self, database: str, user: str | None = None) -> str:
        """URL of `database`, as superuser or as the login `user`."""
        changed = {"dbname": database} | ({"user": user} if user else {})
        return make_conninfo(self.url, **changed)

    def create_database(self, *, migrated: bool = True, name: str = "") -> str:
        """A fresh database; gives its URL, as superuser."""
        name = name or self.free_name()
        template = sql.Identifier(_TEMPLATE if migrated else "template0")
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        return self.url_for(name)

    def free_name(self) -> str:
        """The name of a database that nobody has made yet."""
        return f"prelude_test_{os.getpid()}_{next(_numbers)}"

    def end_connections(self, url: str) -> None:
        """End all connections to a database, as a restart of the server would."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [conninfo_to_dict(url)["dbname"]],
            )

    def drop_database(self, url: str) -> None:
        """Drop a database that `create_database` made, whoever is still connected."""
        name = str(conninfo_to_dict(url)["dbname"])
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def as_role(database: str, role: str) -> str:
    """URL of `database` for the test login that is a member of ``prelude_<role>`` and of nothing else."""
    return make_conninfo(database, user=f"prelude_test_{role}")


def server_version() -> str:
    """What the tests run on, for the header."""
    url = os.environ.get(SERVER_URL)
    if url:
        return f"the server of {SERVER_URL}"
    said = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def embedded_server(folder: Path) -> EmbeddedPostgres:
    """A server that keeps nothing safe, and so is quick."""
    return EmbeddedPostgres(
        folder, settings={"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "64MB"}
    )


def ask_password_of_one_login(server: EmbeddedPostgres) -> None:
    """Make the login `PASSWORD_LOGIN`, the only one whom the embedded server asks for a password."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(PASSWORD_LOGIN), sql.Literal(PASSWORD))
        )
        rules = server.data_dir / "cluster" / "pg_hba.conf"
        rules.write_text(f"local all {PASSWORD_LOGIN} scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
