"""The keeper as it runs: one at a time, another in its place, killed in the middle, and beside a rebuild."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from prelude_otel.errors import StoreError
from prelude_store.command import command
from prelude_store.connection import Connection
from prelude_store.rollups import passes
from prelude_store.rollups.keeper import Keeper
from prelude_store.rollups.rebuild import rebuild
from prelude_store.rollups.state import state
from prelude_store.rollups.verify import verify
from prelude_store.timeline.build import build_all
from prelude_store.writer import Batch, Writer
from tests.oracle.kept import kept, rows_at, stored
from tests.support.histories import history
from tests.support.postgres import as_role
from tests.support.rows import make_row

Superuser = psycopg.Connection[tuple[Any, ...]]

COMMAND = [sys.executable, "-c", "from prelude_store.command import command; command()"]
PATIENCE = 60.0


def compare(superuser: Superuser) -> None:
    now = state(superuser)
    expected, found = kept(rows_at(superuser, now.cursors), now.session_gap), stored(superuser)
    for table, rows in expected.items():
        assert found[table] == rows, table


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def all_is_counted(superuser: Superuser) -> bool:
    now = state(superuser)
    return not now.behind and not now.to_build


@contextmanager
def kept_running(database: str, **options: Any) -> Iterator[Keeper]:
    stop = threading.Event()
    keeper = Keeper(as_role(database, "keeper"), interval=0.02, **options)
    thread = threading.Thread(target=keeper.run, args=[stop])
    thread.start()
    try:
        yield keeper
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_two_keepers_count_once_and_the_second_takes_over(database: str, superuser: Superuser, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row() for _ in range(50)]))
    with kept_running(database) as first:
        until(lambda: first.leading)
        with kept_running(database) as second:
            until(lambda: all_is_counted(superuser))
            assert not second.leading
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prelude-keeper' AND pid IN"
                " (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
            )
            until(lambda: second.leading)
            writer.write(Batch(rows=[make_row() for _ in range(50)]))
            until(lambda: all_is_counted(superuser))
    compare(superuser)


def test_a_keeper_that_is_killed_in_the_middle_counts_nothing_twice(
    database: str, superuser: Superuser, writers: tuple[Writer, Writer]
) -> None:
    pick = Random(1)
    running = [*COMMAND, "rollup", "run", "--interval", "0.05", "--database-url", as_role(database, "keeper")]
    for _ in range(2):
        with subprocess.Popen(running, stderr=subprocess.DEVNULL) as process:
            rows, spans = history(pick, 300)
            writers[0].write(Batch(rows=rows[::2]))
            writers[1].write(Batch(rows=rows[1::2], spans=spans))
            until(lambda: all_is_counted(superuser))
            writers[0].write(Batch(rows=history(pick, 300)[0]))
            # Held up in the middle of a pass, as by a slow disk, and killed there.
            with psycopg.connect(database) as holder:
                holder.execute("LOCK TABLE user_session_summaries IN EXCLUSIVE MODE")
                writers[0].write(Batch(rows=[make_row()]))
                until(lambda: waiting(superuser) > 0)
                process.send_signal(signal.SIGKILL)
                process.wait()
        compare(superuser)
    with subprocess.Popen(running, stderr=subprocess.DEVNULL) as process:
        until(lambda: all_is_counted(superuser))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    compare(superuser)


def waiting(superuser: Superuser) -> int:
    row = superuser.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'prelude-keeper' AND wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_the_watermark_says_when_all_that_was_committed_is_counted(
    database: str, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    assert state(superuser).as_of is None
    writer.write(Batch(rows=[make_row() for _ in range(10)]))
    assert passes.carry_out(keeping, portion=4) == passes.Pass(rows=4, places=4, left=6)
    half_way = state(superuser).as_of
    row = superuser.execute("SELECT created_at, now() FROM user_activity_logs LIMIT 1").fetchone()
    assert row is not None
    assert half_way == row[0]
    passes.carry_out(keeping)
    behind = state(superuser).as_of
    assert behind is not None
    assert behind > row[1]
    with kept_running(database):
        until(lambda: (state(superuser).as_of or behind) > behind)


def test_another_gap_makes_the_sessions_anew(database: str, superuser: Superuser, writer: Writer) -> None:
    rows, _ = history(Random(3), 60)
    writer.write(Batch(rows=rows))
    with kept_running(database):
        until(lambda: all_is_counted(superuser))
    with kept_running(database, session_gap=timedelta(minutes=5)):
        until(lambda: state(superuser).session_gap == timedelta(minutes=5) and all_is_counted(superuser))
    compare(superuser)


def test_a_rebuild_beside_writers_and_a_keeper_ends_as_raw_rows_say(
    database: str, superuser: Superuser, writers: tuple[Writer, Writer], keeping: Connection
) -> None:
    pick = Random(4)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            rows, spans = history(pick, 40)
            pick.choice(writers).write(Batch(rows=rows, spans=spans))

    writing = threading.Thread(target=write)
    with kept_running(database):
        writing.start()
        until(lambda: state(superuser).as_of is not None)
        superuser.execute("UPDATE activity_rollups SET count = count + 1")
        superuser.execute("DELETE FROM user_session_summaries")
        told: list[tuple[int, int]] = []
        assert rebuild(as_role(database, "keeper"), lambda done, of: told.append((done, of))) > 0
        assert told[-1][0] == told[-1][1]
        stop.set()
        writing.join(PATIENCE)
        until(lambda: all_is_counted(superuser))
    compare(superuser)
    assert verify(as_role(database, "keeper")).differences == []


HARM = {
    "activity_rollups": "UPDATE activity_rollups SET count = count + 1 WHERE grain = 60",
    "latency_rollups": "DELETE FROM latency_rollups WHERE grain = 1440",
    "latency_totals": "UPDATE latency_totals SET counts[1] = counts[1] + 1",
    "user_rollups": "UPDATE user_rollups SET last_at = last_at + interval '1 s'",
    "customer_rollups": "UPDATE customer_rollups SET user_emails = '{}' WHERE grain = 15",
    "email_rollups": "INSERT INTO email_rollups VALUES (15, '2020-01-01', 'a', 'b', 'c', 'success', 1)",
    "deal_value_rollups": "UPDATE deal_value_rollups SET value_usd = value_usd + 0.01",
    "user_session_summaries": "UPDATE user_session_summaries SET first_page = 'elsewhere'",
    "superseded_rows": "DELETE FROM superseded_rows",
    "pending_rows": "DELETE FROM pending_rows",
    "timeline_days": "UPDATE timeline_days SET statuses = overlay(statuses PLACING '\\x03'::bytea FROM 1 FOR 1)",
    "activity_days": "DELETE FROM activity_days",
}


def test_verify_names_what_differs_and_a_rebuild_mends_it(
    database: str, superuser: Superuser, writers: tuple[Writer, Writer], keeping: Connection
) -> None:
    rows, spans = history(Random(7), 60)
    writers[0].write(Batch(rows=rows))
    writers[1].write(Batch(spans=spans))
    passes.carry_out(keeping, portion=70)
    build_all(as_role(database, "keeper"))
    writers[1].write(Batch(rows=history(Random(8), 20)[0]))  # past the watermark: none of its business
    url = ("--database-url", as_role(database, "keeper"))
    assert (
        "All is as raw rows say"
        in CliRunner().invoke(command, ["rollup", "verify", *url], catch_exceptions=False).output
    )
    for harm in HARM.values():
        superuser.execute(harm.encode())
    assert {difference.table for difference in verify(as_role(database, "keeper")).differences} == HARM.keys()
    said = CliRunner().invoke(command, ["rollup", "verify", "--json", *url], catch_exceptions=False)
    assert said.exit_code == 1
    assert {one["table"] for one in json.loads(said.stdout)["differences"]} == HARM.keys()
    assert "days built" in CliRunner().invoke(command, ["rollup", "rebuild", *url], catch_exceptions=False).output
    assert verify(as_role(database, "keeper")).differences == []
    compare(superuser)


def test_verify_also_names_what_is_kept_of_a_day_without_rows(
    database: str, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    writer.write(Batch(rows=[make_row()]))
    passes.carry_out(keeping)
    told: list[tuple[int, int]] = []
    assert verify(as_role(database, "keeper"), lambda done, of: told.append((done, of))).differences == []
    assert sorted(told) == [(done, told[0][1]) for done in range(1, told[0][1] + 1)]
    superuser.execute("INSERT INTO pending_rows VALUES (gen_random_uuid(), '2001-02-03')")
    superuser.execute("INSERT INTO email_rollups VALUES (15, '2001-02-03', 'a', 'b', 'c', 'success', 1)")
    found = verify(as_role(database, "keeper")).differences
    assert sorted((one.table, one.side) for one in found) == [("email_rollups", "kept"), ("pending_rows", "kept")]


def test_the_command_says_how_far_the_rollups_are(database: str, writer: Writer, keeping: Connection) -> None:
    writer.write(Batch(rows=[make_row() for _ in range(5)]))
    passes.carry_out(keeping, portion=3)
    url = ("--database-url", as_role(database, "reader"))
    said = json.loads(CliRunner().invoke(command, ["rollup", "status", "--json", *url], catch_exceptions=False).output)
    assert (said["behind"], said["cursors"], said["session_gap_minutes"]) == (2, {"1": 3}, 30)
    assert "committed and not counted    2" in CliRunner().invoke(command, ["rollup", "status", *url]).output


def test_a_login_without_the_right_is_told_what_to_grant(database: str, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row()]))
    url = as_role(database, "writer")
    for verb in ("rebuild", "verify"):
        with pytest.raises(StoreError, match="GRANT prelude_keeper"):
            CliRunner().invoke(command, ["rollup", verb, "--database-url", url], catch_exceptions=False)
