"""Who works on the database of a test, each with the rights of its role alone; and a superuser's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_store.connection import connect
from prelude_store.rollups.keeper import connected
from prelude_store.writer import Writer
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.connection import Connection


@pytest.fixture
def writer(database: str) -> Iterator[Writer]:
    """A writer whose login is a member of prelude_writer, and of nothing else."""
    made = Writer(as_role(database, "writer"))
    yield made
    made.close()


@pytest.fixture
def second_writer(database: str) -> Iterator[Writer]:
    made = Writer(as_role(database, "writer"))
    yield made
    made.close()


@pytest.fixture
def writers(writer: Writer, second_writer: Writer) -> tuple[Writer, Writer]:
    """Two lanes."""
    return writer, second_writer


@pytest.fixture
def keeping(database: str) -> Iterator[Connection]:
    """A connection for passes; its login is a member of prelude_keeper, and of nothing else."""
    with connected(as_role(database, "keeper"), "test") as connection:
        yield connection


@pytest.fixture
def governor(database: str) -> Iterator[Connection]:
    """A connection whose login is a member of prelude_governor, and of nothing else."""
    with connect(as_role(database, "governor"), "test") as connection:
        yield connection


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection
