"""A writer with the writer's rights alone, and a superuser's eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_store.writer import Writer
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from collections.abc import Iterator


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
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection
