"""`prelude exporter` at its start: what it refuses, and with which words; and what doctor asks of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from prelude_exporter.checks import checks
from tests.integration.exporter.conftest import Exporter, activity, logs

Start = Callable[..., Exporter]


def run(*flags: str) -> tuple[int, str]:
    """`prelude exporter` that is expected to end by itself."""
    command = [sys.executable, "-m", "prelude_cli", "exporter", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_without_a_schema_it_says_what_mends_it(empty_database: str) -> None:
    code, said = run("--database-url", empty_database)
    assert code == 1
    assert "prelude store migrate" in said


def test_with_migrate_it_makes_the_schema_first(start: Start, empty_database: str) -> None:
    exporter = start(empty_database, "--migrate")
    assert exporter.post(logs(activity())).status == 200


def test_a_newer_schema_is_refused(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO prelude_migrations (version, name) VALUES (9999, 'from_the_future')")
    code, said = run("--database-url", database)
    assert code == 1
    assert "upgrade prelude-otel" in said


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_listening_beyond_this_machine_is_refused_loudly(database: str, address: str) -> None:
    code, said = run("--database-url", database, "--http", address)
    assert code == 1
    assert "--allow-unauthenticated" in said


def test_it_listens_beyond_this_machine_when_told_twice(start: Start, database: str) -> None:
    exporter = start(database, "--http", "0.0.0.0:0", "--allow-unauthenticated")
    assert exporter.http.startswith("http://0.0.0.0:")


def test_a_port_in_use_is_said_plainly(start: Start, database: str) -> None:
    exporter = start(database)
    taken_http, taken_grpc = exporter.http.removeprefix("http://"), exporter.grpc
    code, said = run("--database-url", database, "--http", taken_http, "--grpc", "127.0.0.1:0")
    assert (code, f"can't listen for HTTP on {taken_http}" in said) == (1, True)
    code, said = run("--database-url", database, "--http", "127.0.0.1:0", "--grpc", taken_grpc)
    assert (code, f"can't listen for gRPC on {taken_grpc}" in said) == (1, True)


def test_doctor_finds_a_ready_exporter(start: Start, database: str) -> None:
    exporter = start(database)
    found = {name: (ok, said) for name, ok, said, _ in checks({"exporter_http": exporter.http})}
    assert list(found) == ["answers", "ready", "clock", "version", "refusals", "spans"]
    assert all(ok for ok, _ in found.values()), found
    exporter.stop()
    ((_, ok, said, remedy),) = checks({"exporter_http": exporter.http})
    assert (ok, said) == (False, f"nobody answers at {exporter.http}")
    assert "prelude exporter" in remedy


def test_doctor_says_when_it_was_not_told_where_the_exporter_is() -> None:
    ((_, ok, _, remedy),) = checks({"exporter_http": ""})
    assert ok is None
    assert remedy
