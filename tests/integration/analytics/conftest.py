"""A keeper's connection, two writers, and a superuser's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_store.rollups.keeper import connected
from prelude_store.writer import Writer
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.connection import Connection


@pytest.fixture
def writers(database: str) -> Iterator[tuple[Writer, Writer]]:
    """Two lanes."""
    made = Writer(as_role(database, "writer")), Writer(as_role(database, "writer"))
    yield made
    for writer in made:
        writer.close()


@pytest.fixture
def keeping(database: str) -> Iterator[Connection]:
    """A connection for passes of the keeper."""
    with connected(as_role(database, "keeper"), "test") as connection:
        yield connection


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection
