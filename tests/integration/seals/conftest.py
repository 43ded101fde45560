"""One sealed log for the tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from prelude_store.seals.sealer import SESSION
from tests.support.postgres import TestServer
from tests.support.sealed import Sealed, make_sealed


@pytest.fixture(scope="module")
def sealed(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    url = postgres.create_database()
    yield make_sealed(url, tmp_path_factory.mktemp("keys"))
    postgres.drop_database(url)


@pytest.fixture
def superuser(sealed: Sealed) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Somebody who may do anything; what a test does is rolled back."""
    with psycopg.connect(sealed.url, autocommit=True) as connection:
        for name, value in {**SESSION, "timezone": "UTC", "session_replication_role": "replica"}.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction(force_rollback=True):
            yield connection
