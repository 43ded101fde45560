"""An erasure that is killed is gone on with; and while it works others write, seal, count and complete lengths."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from prelude_store import portion
from prelude_store.connection import Connection
from prelude_store.rollups import building, passes
from prelude_store.rollups.verify import verify
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.integration.erasure.conftest import Erase
from tests.support.dump import Superuser, dump, rows_by_id
from tests.support.people import ADA, BOB
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us, waiting_row

ROWS = 6_000
# Stops for good, as a crash does, when so many rows are erased.
KILLED = """
import os, signal, sys
from prelude_store.erasure import rows
once, done = rows.Batches._once, []
def killed(self, batch):
    count = once(self, batch)
    done.append(count)
    if sum(done) >= 1500:
        os.kill(os.getpid(), signal.SIGKILL)
    return count
rows.Batches._once = killed
from prelude_store.command import command
command()
"""


def fill(writer: Writer) -> None:
    day_us = 86_400_000_000
    for start in range(0, ROWS, 1000):
        writer.write(
            Batch(
                rows=[
                    make_row(
                        user_email=ADA if n % 3 else BOB,
                        timestamp_us=now_us() - n % 10 * day_us - n,
                        action_data=json.dumps({"to_email": ADA if n % 7 == 0 else "carl@y.org"}),
                        action_name="send_email",
                    )
                    for n in range(start, start + 1000)
                ]
            )
        )


def catch_up(keeping: Connection) -> None:
    while (done := passes.carry_out(keeping)).places or done.to_build:
        while building.build_next(keeping):
            pass


def test_an_erasure_that_is_killed_is_gone_on_with(
    database: str, writer: Writer, keeping: Connection, superuser: Superuser, tmp_path: Path
) -> None:
    fill(writer)
    catch_up(keeping)
    words = ["erase", "--user", ADA, "--database-url", as_role(database, "governor")]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *words], check=False, capture_output=True, cwd=tmp_path, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = superuser.execute("SELECT count(*) FROM user_activity_logs WHERE user_email = %s", [ADA]).fetchone()
    assert left is not None
    assert 0 < left[0] < ROWS * 2 / 3
    again = subprocess.run(
        [sys.executable, "-c", "from prelude_store.command import command; command()", *words],
        capture_output=True, cwd=tmp_path, timeout=60, text=True, check=True,
    )  # fmt: skip
    assert "Gone on with what began on" in again.stdout
    assert f"{ROWS * 2 // 3:,}  activities of the person" in again.stdout
    assert ADA not in dump(superuser)
    catch_up(keeping)
    assert verify(as_role(database, "keeper")).differences == []


def test_others_write_and_count_meanwhile_and_nothing_of_theirs_is_lost(
    database: str, writers: tuple[Writer, Writer], keeping: Connection, erase: Erase, superuser: Superuser
) -> None:
    fill(writers[0])
    catch_up(keeping)
    begun, stop = threading.Event(), threading.Event()
    sent: list[str] = []
    dropped: list[int] = []

    def write() -> None:
        while not stop.is_set():
            ada, bob = make_row(user_email=ADA), make_row(user_email=BOB)
            waits = waiting_row(user_email=BOB)
            spans = [SpanLength(str(waits.trace_id), str(waits.span_id), 5_000_000)]
            result = writers[1].write(Batch(rows=[ada, bob, waits]))
            writers[1].write(Batch(spans=spans))
            sent.extend((bob.event_id, waits.event_id))
            dropped.append(result.erased)
            begun.set()

    def count() -> None:
        while not stop.is_set():
            try:
                passes.carry_out(keeping)
            except psycopg.errors.SerializationFailure:
                continue

    working = [threading.Thread(target=write), threading.Thread(target=count)]
    for thread in working:
        thread.start()
    begun.wait(30)
    try:
        worked = erase(ADA)
    finally:
        stop.set()
        for thread in working:
            thread.join(60)
    assert worked.run is not None
    catch_up(keeping)
    assert sum(dropped) > 0
    assert set(sent) <= rows_by_id(superuser).keys()
    # What Ada did behind the moment of the erasure is hers.
    newer = superuser.execute(
        "SELECT count(*) FROM user_activity_logs WHERE user_email = %s AND timestamp <= %s", [ADA, worked.run.until]
    )
    assert newer.fetchone() == (0,)
    assert verify(as_role(database, "keeper")).differences == []
    lengths = superuser.execute(
        "SELECT count(*) FROM user_activity_logs WHERE user_email = %s AND duration_ms IS NULL", [BOB]
    )
    assert lengths.fetchone() == (0,)


def test_batches_that_take_too_long_are_undone_and_done_in_smaller_ones_and_count_once(
    writer: Writer, keeping: Connection, erase: Erase, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portion, "_LONGEST", 0.0)  # only the smallest are let go on
    fill(writer)
    catch_up(keeping)
    worked = erase(ADA)
    assert worked.run is not None
    assert worked.run.counts["rows"] == ROWS * 2 // 3
    changes = superuser.execute("SELECT count(*) FROM activity_changes WHERE class = 'person'").fetchone()
    assert changes == (ROWS * 2 // 3,)
    assert ADA not in dump(superuser)


def test_two_at_once_are_one_after_the_other(
    database: str, writer: Writer, superuser: Superuser, tmp_path: Path
) -> None:
    fill(writer)
    superuser.execute("SELECT pg_advisory_lock(%s)", [0x6572617365])
    words = ["erase", "--user", ADA, "--database-url", as_role(database, "governor")]
    refused = subprocess.run(
        [sys.executable, "-c", "from prelude_store.command import command; command()", *words],
        check=False, capture_output=True, cwd=tmp_path, timeout=60, text=True,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "another erasure or renaming is under way" in refused.stderr
