"""An exporter for the examples to send to, with a database of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import TestServer


@dataclass(frozen=True)
class Exporter:
    """Where a running exporter listens, and where its rows are."""

    http: str
    database: str

    def rows(self, condition: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the log for which `condition` holds, oldest first."""
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            query = f"SELECT * FROM user_activity_logs WHERE {condition} ORDER BY timestamp"
            return connection.execute(query.encode(), values).fetchall()


@pytest.fixture(scope="module")
def exporter(postgres: TestServer) -> Iterator[Exporter]:
    """A real one, as a process, on a free port."""
    database = postgres.create_database()
    command = [
        sys.executable,
        "-m",
        "prelude_cli",
        "exporter",
        "--json",
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
    ]
    with subprocess.Popen([*command, "--database-url", database], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Exporter(json.loads(process.stdout.readline())["http"], database)
        finally:
            process.terminate()
            process.wait(timeout=20)
    postgres.drop_database(database)
