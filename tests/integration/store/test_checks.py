"""What `prelude doctor` says of the database, in plain words, with what mends it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from prelude_store import checks as module
from prelude_store.checks import checks
from prelude_store.row import Probe
from prelude_store.writer import Batch, Writer
from tests.support.postgres import PASSWORD, PASSWORD_LOGIN, SERVER_URL, as_role
from tests.support.rows import make_row, now_us

Connection = psycopg.Connection[tuple[Any, ...]]

if TYPE_CHECKING:
    from tests.support.postgres import TestServer


only_embedded = pytest.mark.skipif(SERVER_URL in os.environ, reason="another server may ask nobody for a password")


def findings(url: str, probe_id: str = "") -> dict[str, tuple[bool | None, str, str]]:
    return {name: (ok, said, remedy) for name, ok, said, remedy in checks({"database_url": url, "probe_id": probe_id})}


def test_a_healthy_store_is_well_in_every_point(database: str, writer: Writer) -> None:
    probe = Probe(str(uuid4()), "crm-service", now_us())
    writer.write(Batch(probes=[probe]))
    found = findings(as_role(database, "writer"), probe.probe_id)
    assert list(found) == [
        "database",
        "schema",
        "database writes",
        "writer rights",
        "clock",
        "quarantine",
        "probe landed",
    ]
    assert all(ok for name, (ok, _, _) in found.items() if name != "quarantine")
    assert found["quarantine"][0] is None, "a writer may not look into it"


@only_embedded
def test_an_owner_is_told_more(database: str) -> None:
    found = findings(database)
    assert found["disk"][0] is True
    assert found["quarantine"][0] is True


def test_records_that_became_no_rows_are_said_so(database: str, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=1)]))
    (ok, said, remedy) = findings(database)["quarantine"]
    assert ok is False
    assert "1 timestamp_out_of_range" in said
    assert "prelude store quarantine list" in remedy


def test_no_url_is_nothing_tried() -> None:
    assert findings("")["database"][0] is None


def test_nobody_listening_is_said_so() -> None:
    (ok, said, remedy) = findings("postgresql://u:hunter2@127.0.0.1:1/x")["database"]
    assert ok is False
    assert "127.0.0.1:1" in said
    assert "start PostgreSQL" in remedy
    assert "hunter2" not in said + remedy


@only_embedded
def test_a_wrong_password_is_said_so_and_not_told(database: str) -> None:
    wrong = make_conninfo(database, user=PASSWORD_LOGIN, password="hunter2")
    (ok, said, remedy) = findings(wrong)["database"]
    assert ok is False
    assert "The password is wrong" in remedy
    assert "hunter2" not in said + remedy
    right = findings(make_conninfo(database, user=PASSWORD_LOGIN, password=PASSWORD), str(uuid4()))
    assert {name: ok for name, (ok, _, _) in right.items()} == {
        "database": True,
        "schema": True,
        "database writes": True,
        "writer rights": False,
        "clock": True,
        "quarantine": None,
        "probe landed": None,
    }, "it gets in, and is told that it has no rights there"


@only_embedded
def test_a_missing_password_is_said_so(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    (ok, _, remedy) = findings(make_conninfo(database, user=PASSWORD_LOGIN))["database"]
    assert ok is False
    assert "asks for a password" in remedy


def test_a_missing_database_is_said_so(postgres: TestServer) -> None:
    (ok, said, remedy) = findings(postgres.url_for("prelude_test_nowhere"))["database"]
    assert ok is False
    assert "prelude_test_nowhere" in said
    assert "CREATE DATABASE" in remedy


def test_a_role_without_login_is_said_so(database: str) -> None:
    (ok, _, remedy) = findings(make_conninfo(database, user="prelude_writer"))["database"]
    assert ok is False
    assert "Use a login" in remedy


def test_an_unmigrated_database_is_said_so(empty_database: str) -> None:
    found = findings(empty_database)
    assert found["schema"][0] is False
    assert "prelude store migrate" in found["schema"][1]


def test_a_login_that_may_not_write_is_said_so(database: str) -> None:
    (ok, said, remedy) = findings(as_role(database, "reader"))["writer rights"]
    assert ok is False
    assert "prelude_test_reader may not write" in said
    assert 'GRANT prelude_writer TO "prelude_test_reader"' in remedy


def test_a_read_only_database_is_said_so(database: str, superuser: Connection) -> None:
    row = superuser.execute("SELECT current_database()").fetchone()
    assert row is not None
    superuser.execute(f'ALTER DATABASE "{row[0]}" SET default_transaction_read_only = on'.encode())
    assert findings(database)["database writes"][0] is False


def test_a_probe_that_does_not_land_is_said_so(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROBE_SECONDS", 0.3)
    (ok, said, _) = findings(database, str(uuid4()))["probe landed"]
    assert ok is False
    assert "did not land" in said


def test_a_wrong_clock_is_said_so(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 60)
    (ok, said, remedy) = findings(database)["clock"]
    assert ok is False
    assert "ahead of" in said
    assert "NTP" in remedy
