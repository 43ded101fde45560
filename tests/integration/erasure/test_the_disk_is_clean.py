"""After a scrub not even a search of the server's files finds the person: tables, indexes, statistics, write-ahead log, server's log."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prelude_store.embedded import EmbeddedPostgres
from prelude_store.erasure.aim import Aim
from prelude_store.erasure.carry_out import Work, governing
from prelude_store.erasure.scrub import scrub
from prelude_store.mentions.address import Address
from prelude_store.migrations import migrate
from prelude_store.quarantine.reader import reader_of
from prelude_store.rollups import passes
from prelude_store.rollups.keeper import connected
from prelude_store.row import Quarantined
from prelude_store.timeline.build import build_all
from prelude_store.writer import Batch, Writer
from tests.support.dump import rows_by_id
from tests.support.rows import make_row, now_us

ADA, BOB = "ada.lovelace.of.ockham@analytical-engine.example", "charles.babbage@difference-engine.example"
WEEK_US = 7 * 86_400_000_000
_ERASING = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'prelude-erase'"
_AT_THE_WAL = f"{_ERASING} AND query LIKE '%pg_logical_emit_message%'"


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """One of our own, with the settings of `prelude up`."""
    folder = Path(tempfile.mkdtemp(prefix="prelude-scrub-"))
    running = EmbeddedPostgres(folder, settings={"min_wal_size": "80MB", "max_wal_size": "160MB"})
    running.start()
    yield running
    running.stop()
    shutil.rmtree(folder)


def found_in(folder: Path, address: str) -> list[str]:
    needles = [address.encode(), address.upper().encode(), address.replace("@", "%40").encode()]
    return [
        str(file.relative_to(folder))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and any(needle in file.read_bytes() for needle in needles)
    ]


def settings_by_us(superuser: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What ALTER SYSTEM has set."""
    return superuser.execute(
        "SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%.auto.conf'"
    ).fetchall()


def rows(offset_us: int) -> list[object]:
    return [
        make_row(
            user_email=ADA if n % 2 else BOB, timestamp_us=now_us() - offset_us - n, action_name="send_email",
            page_url=f"/p?to={ADA.replace('@', '%40')}" if n % 5 == 0 else "/p",
            action_data=json.dumps({"to_email": ADA if n % 3 else BOB, "padding": "x" * (n % 7 * 600)}),
        )
        for n in range(1200)
    ]  # fmt: skip


def test_no_file_of_the_server_names_the_person(server: EmbeddedPostgres) -> None:
    migrate(server.url)
    writer = Writer(server.url)
    bad = Quarantined("row", "unknown_status", f"of {ADA}", json.dumps({"user_email": ADA}).encode())
    for offset in (0, 3 * WEEK_US):
        writer.write(Batch(rows=rows(offset), quarantined=[bad]))  # type: ignore[arg-type]
    # What the database refuses is told in the server's log.
    writer.write(Batch(rows=[make_row(user_email=ADA, action_data=f'{{"a": "{ADA}" nonsense')]))
    with connected(server.url) as keeping:
        while passes.carry_out(keeping).places:
            pass
    build_all(server.url, lambda _done, _of: None)
    with psycopg.connect(server.url, autocommit=True) as superuser:
        superuser.execute("INSERT INTO user_profiles (email, name) VALUES (%s, 'Ada')", [ADA])
        superuser.execute("ANALYZE")
        superuser.execute("CHECKPOINT")
        before = rows_by_id(superuser)
        assert len(found_in(server.data_dir, ADA)) > 10
        with governing(server.url, "test") as connection:
            worked = Work(connection, Aim(Address(ADA)), reader_of(), actor="test").carry_out()
            assert worked.run is not None
            assert found_in(server.data_dir, ADA)  # without a scrub it lingers
            ahead = make_row(user_email=BOB)
            assert scrub(connection, worked.run.days) == []
        assert found_in(server.data_dir, ADA) == []
        after = rows_by_id(superuser)
        assert after.keys() == before.keys()
        writer.write(Batch(rows=[ahead]))
        assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchone() == (len(before) + 1,)
        assert settings_by_us(superuser) == []
        bobs = {event_id for event_id, row in before.items() if ADA not in row and ADA.replace("@", "%40") not in row}
        assert bobs
        assert {event_id: after[event_id] for event_id in bobs} == {event_id: before[event_id] for event_id in bobs}
    writer.close()
    server.stop()
    assert found_in(server.data_dir, ADA) == []


def test_a_scrub_that_is_killed_leaves_the_server_as_it_was_and_the_next_one_ends_it(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    migrate(server.url)
    writer = Writer(server.url)
    writer.write(Batch(rows=rows(0)))  # type: ignore[arg-type]
    writer.close()
    words = [
        "erase", "--scrub", "--user", ADA, "--database-url", server.url, "--receipt", str(tmp_path / "receipt.json"),
    ]  # fmt: skip
    command = [sys.executable, "-c", "from prelude_store.command import command; command()", *words]
    with psycopg.connect(server.url, autocommit=True) as superuser:
        settings = superuser.execute("SELECT name, setting FROM pg_settings ORDER BY name").fetchall()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while not superuser.execute(_AT_THE_WAL).fetchone():
                assert process.poll() is None, process.stderr and process.stderr.read()
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert settings_by_us(superuser) == []
        superuser.execute("SELECT pg_reload_conf()")
        assert superuser.execute("SELECT name, setting FROM pg_settings ORDER BY name").fetchall() == settings
        while superuser.execute(_ERASING).fetchone():  # its server goes on until it notices
            time.sleep(0.05)
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "nothing is held" in again.stderr
    assert found_in(server.data_dir, ADA) == []
