"""What all tests share: a PostgreSQL, and a fresh database for each test that asks for one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from prelude_otel.errors import PreludeError
from tests.support.oracle_cases import patience
from tests.support.postgres import SERVER_URL, TestServer, ask_password_of_one_login, embedded_server, server_version

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says more of the machine than of the code.
settings.register_profile("prelude", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("prelude")


def pytest_report_header() -> str:
    return f"postgresql: {server_version()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """More cases of the oracles may take longer; what --timeout says is meant."""
    seconds = patience()
    if seconds is not None and config.getoption("timeout") is None:
        for item in items:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """The server: an embedded one, started once, or the one that PRELUDE_TEST_SERVER_URL names."""
    url = os.environ.get(SERVER_URL)
    if url:
        yield TestServer(url)
        return
    # A short path of our own, not tmp_path: the path of a socket is limited.
    with tempfile.TemporaryDirectory(prefix="prelude-test-") as folder:
        server = embedded_server(Path(folder))
        try:
            server.start()
        except PreludeError as error:
            pytest.exit(f"the tests need a PostgreSQL, and the embedded one does not start: {error}", returncode=1)
        try:
            ask_password_of_one_login(server)
            yield TestServer(server.url)
        finally:
            server.stop()


@pytest.fixture
def database(postgres: TestServer) -> Iterator[str]:
    """URL of a fresh database with all migrations, as superuser."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def empty_database(postgres: TestServer) -> Iterator[str]:
    """URL of a fresh database with nothing in it, as superuser."""
    url = postgres.create_database(migrated=False)
    yield url
    postgres.drop_database(url)
