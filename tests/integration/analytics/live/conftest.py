"""A reader of the log, and a feed of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.live import feed_server
from tests.support.postgres import as_role


@pytest.fixture
def reader(database: str) -> str:
    """URL of a login that may read, and nothing else."""
    return as_role(database, "reader")


@pytest.fixture
def feed(reader: str) -> Iterator[str]:
    """URL of a running feed."""
    with feed_server(reader) as (url, _hub):
        yield url
