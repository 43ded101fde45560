"""A governor, and what it may set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prelude_store.retention.run import connected
from tests.support.postgres import as_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.connection import Connection


@pytest.fixture
def governor(database: str) -> Iterator[Connection]:
    """A connection for runs; its login is a member of prelude_governor, and of nothing else."""
    with connected(as_role(database, "governor"), "test") as connection:
        yield connection
