"""A week that leaves: beside readers and writers, with late rows, ended in the middle, and with something in it that is to stay."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from random import Random
from typing import Any

import psycopg
import pytest

from prelude_store.connection import Connection
from prelude_store.retention import drop
from prelude_store.retention.patience import IN_THE_WAY
from prelude_store.retention.plan import what_is_due
from prelude_store.retention.run import connected, run
from prelude_store.retention.weeks import weeks
from prelude_store.rollups.verify import verify
from prelude_store.writer import Batch, Writer
from tests.integration.retention.test_run import count, settle
from tests.support.postgres import as_role
from tests.support.retention import ago, hold, keep
from tests.support.rows import make_row

Superuser = psycopg.Connection[tuple[Any, ...]]
COMMAND = [sys.executable, "-c", "from prelude_store.command import command; command()", "retain", "run", "--json"]
PATIENCE = 60.0
PARTITIONS = (
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass AND NOT inhdetachpending"
)


def old_rows(days: float = 100, rows: int = 20) -> list[Any]:
    return [make_row(timestamp_us=ago(days) + n) for n in range(rows)]


def test_a_reader_that_stays_is_not_waited_for_without_end_and_the_next_run_goes_on(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection, database: str
) -> None:
    writer.write(Batch(rows=old_rows()))
    settle(keeping)
    keep(governor, "90d")
    with psycopg.connect(as_role(database, "reader")) as reader:
        reader.execute("SELECT count(*) FROM user_activity_logs")
        outcome = run(governor, patience=1.5)
        assert (outcome.rows, outcome.partitions, len(outcome.leaving)) == (0, 0, 1)
        assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 20
        writer.write(Batch(rows=[make_row(), *old_rows(rows=1)]))  # nothing of the wait stands in ingest's way
        settle(keeping)
    assert (run(governor).partitions, count(superuser, "SELECT count(*) FROM user_activity_logs")) == (1, 1)
    assert superuser.execute("SELECT failure FROM retention_runs ORDER BY id").fetchall() == [
        (f"waits for who reads the log: {outcome.leaving[0]}",), (None,),
    ]  # fmt: skip


def test_a_detaching_that_was_left_half_done_is_finished(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection, database: str
) -> None:
    writer.write(Batch(rows=old_rows()))
    settle(keeping)
    keep(governor, "90d")
    moment, policies, is_due = what_is_due(governor)
    assert is_due is not None
    (week,) = weeks(governor, is_due.latest)
    assert drop.begin(governor, 1, "test", policies, moment, week) is not None
    with psycopg.connect(as_role(database, "reader")) as reader:
        reader.execute("SELECT count(*) FROM user_activity_logs")
        superuser.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            superuser.execute(f"ALTER TABLE user_activity_logs DETACH PARTITION {week.name} CONCURRENTLY".encode())
        assert count(superuser, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending") == 1
        # A late row of that week is that row's matter alone.
        result = writer.write(Batch(rows=[make_row(), *old_rows(rows=1)]))
        assert (result.inserted, result.quarantined) == (1, 1)
        assert run(governor, patience=0.5).leaving == [week.name]
    assert run(governor).partitions == 1
    assert count(superuser, f"SELECT count(*) FROM pg_class WHERE relname = '{week.name}'") == 0
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []


def test_a_late_row_makes_the_week_again_and_goes_with_the_next_run(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    writer.write(Batch(rows=old_rows()))
    settle(keeping)
    keep(governor, "90d")
    assert run(governor).partitions == 1
    assert writer.write(Batch(rows=[make_row(timestamp_us=ago(100))])).inserted == 1
    assert run(governor).waiting == 1  # it is not counted yet
    settle(keeping)
    assert count(superuser, "SELECT sum(count) FROM activity_rollups WHERE grain = 1440") == 21
    assert (run(governor).partitions, count(superuser, "SELECT count(*) FROM user_activity_logs")) == (1, 0)
    assert count(superuser, "SELECT count(*) FROM user_rollups") == 0
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []


def test_what_came_in_between_and_is_held_brings_the_week_back(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    rows = old_rows()
    writer.write(Batch(rows=rows))
    settle(keeping)
    keep(governor, "90d")
    moment, policies, is_due = what_is_due(governor)
    assert is_due is not None
    leaving = drop.begin(governor, 1, "test", policies, moment, weeks(governor, is_due.latest)[0])
    assert leaving is not None
    drop.detach(governor, leaving.name, PATIENCE)
    hold(governor, user="user@company.com")
    assert not drop.finish(governor, 1, "test", leaving, PATIENCE)
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 20
    assert count(superuser, "SELECT count(*) FROM governance_acts WHERE kind = 'drop_returned'") == 1
    assert run(governor).rows == 0
    assert writer.write(Batch(rows=rows)).duplicates == 20  # the partition has its index again
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []


def test_a_run_that_is_killed_in_the_middle_is_gone_on_with(
    superuser: Superuser, governor: Connection, writer: Writer, keeping: Connection, database: str
) -> None:
    for number in range(6):
        users = [
            make_row(
                timestamp_us=ago(100) + n, user_email=f"u{n % 40}@x.com", session_id=None, action_name=f"a{number}"
            )
            for n in range(400)
        ]
        writer.write(Batch(rows=users))
    writer.write(Batch(rows=[row._replace(action_type="chat") for row in old_rows(rows=10)]))
    settle(keeping)
    counts = superuser.execute("SELECT * FROM activity_rollups ORDER BY 1, 2, 3, 4, 5, 6, 7, 8").fetchall()
    keep(governor, "90d", "crm")
    left = 2410
    for _ in range(3):
        with subprocess.Popen(
            [*COMMAND, "--database-url", as_role(database, "governor")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            end = time.monotonic() + PATIENCE
            while count(superuser, "SELECT count(*) FROM user_activity_logs") == left and process.poll() is None:
                assert time.monotonic() < end
            process.send_signal(signal.SIGKILL)
            process.wait()
        left = count(superuser, "SELECT count(*) FROM user_activity_logs")
        settle(keeping)
        assert verify(keeping.info.dsn).differences == []
    run(governor)
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 10
    assert count(superuser, "SELECT count(*) FROM activity_changes WHERE kind = 'removed'") == 2400
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []
    assert superuser.execute("SELECT * FROM activity_rollups ORDER BY 1, 2, 3, 4, 5, 6, 7, 8").fetchall() == counts


def test_ingest_goes_on_beside_runs_and_loses_nothing(
    superuser: Superuser, governor: Connection, writer: Writer, keeping: Connection
) -> None:
    """Late rows into weeks that leave among it. How long a write waits is bounded by how we lock, which the test below looks at."""
    for week in range(4):
        writer.write(Batch(rows=old_rows(100 + 7 * week)))
    settle(keeping)
    stop = threading.Event()
    results: list[Any] = []
    slowest = 0.0

    def ingest() -> None:
        nonlocal slowest
        rested = time.monotonic()
        while not stop.is_set():
            began = time.monotonic()
            late = []
            # A week leaves once all of it is counted: late rows come now and then, as they do, and not before anybody can count.
            if began - rested > pick.uniform(0.5, 3):
                rested, late = began, [make_row(timestamp_us=ago(100 + 7 * pick.randrange(4)))]
            results.append(writer.write(Batch(rows=[make_row(), *late])))
            slowest = max(slowest, time.monotonic() - began)

    pick = Random(1)
    keep(governor, "90d")
    thread = threading.Thread(target=ingest)
    thread.start()
    partitions = 0
    try:
        end = time.monotonic() + PATIENCE
        while partitions < 4:
            assert time.monotonic() < end
            settle_some(keeping)
            partitions += run(governor, patience=5).partitions
    finally:
        stop.set()
        thread.join(PATIENCE)
    print(f"{partitions} partitions went; of {len(results)} writes the slowest took {slowest * 1000:.0f} ms")
    landed, quarantined = sum(one.inserted for one in results), sum(one.quarantined for one in results)
    assert landed + quarantined == sum(one.inserted + one.duplicates + one.quarantined for one in results)
    settle(keeping)
    while (last := run(governor)).rows or last.partitions or last.waiting:
        settle(keeping)
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == len(results)
    settle(keeping)
    assert count(superuser, "SELECT sum(count) FROM activity_rollups WHERE grain = 15") == landed + 80
    assert verify(keeping.info.dsn).differences == []


def settle_some(keeping: Connection) -> None:
    try:
        settle(keeping)
    except psycopg.errors.SerializationFailure:
        keeping.rollback()


def test_what_others_would_queue_behind_is_waited_for_briefly(
    governor: Connection,
    superuser: Superuser,
    writer: Writer,
    keeping: Connection,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the log itself is asked for, the session's lock_timeout is one that ingest does not feel; all else takes no lock on the log as a whole."""
    writer.write(Batch(rows=old_rows()))
    settle(keeping)
    keep(governor, "90d")
    asked: list[tuple[str, str]] = []
    execute = psycopg.Connection.execute

    def spying(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        text = (
            query.decode() if isinstance(query, bytes) else query if isinstance(query, str) else query.as_string(None)
        )
        if "ALTER TABLE" in text or "prelude_drop_partition" in text or "prelude_return" in text:
            row = execute(self, "SHOW lock_timeout").fetchone()
            asked.append((text, row[0] if row else ""))
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", spying)
    with connected(as_role(database, "governor"), "test") as another:
        assert run(another).partitions == 1
    assert [("CONCURRENTLY" in text or "FINALIZE" in text, timeout) for text, timeout in asked] == [
        (True, drop._CONCURRENTLY),  # waits without a lock that anybody queues behind
        (False, IN_THE_WAY),
    ]
