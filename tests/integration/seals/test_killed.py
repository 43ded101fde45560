"""The sealer's process is killed (SIGKILL) in the middle of passes while others write, and another takes over each time."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from prelude_store.seals import keys, reading
from prelude_store.seals.outside import read_checkpoints
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row
from tests.support.sealing import looked, sealed_all

Superuser = psycopg.Connection[tuple[Any, ...]]

COMMAND = [sys.executable, "-c", "from prelude_store.command import command; command()"]
PATIENCE = 60.0
HELD_UP = ["seal_blocks", "seal_tiles", "seal_cursors", "seal_checkpoints"]
"""Tables that a pass writes to, one after the other: whoever holds one holds the pass up just there."""

_IN_A_PASS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'prelude-sealer' AND datname = current_database() AND backend_xid IS NOT NULL
"""
_WAITING = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


class Sealing:
    """Processes that seal one database; each tells in a file of its own when it begins to lead."""

    def __init__(self, url: str, key_file: Path, folder: Path) -> None:
        self._command = [
            *COMMAND, "seal", "run", "--database-url", as_role(url, "sealer"), "--key-file", str(key_file),
            "--interval", "0.05", "--share", "1", "--checkpoint-file", str(folder / "checkpoints.jsonl"),
        ]  # fmt: skip
        self._folder = folder
        self._logs: dict[int, Path] = {}
        self.alive: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        log = self._folder / f"sealer-{len(self._logs)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(self._command, stdout=file, stderr=file)
        self._logs[process.pid] = log
        self.alive.append(process)

    def leads(self, process: subprocess.Popen[bytes]) -> bool:
        return b"with the key" in self._logs[process.pid].read_bytes()

    def leader(self) -> subprocess.Popen[bytes]:
        until(lambda: any(map(self.leads, self.alive)))
        return next(process for process in self.alive if self.leads(process))

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.alive.remove(process)

    def end(self) -> None:
        for process in self.alive:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE) for process in self.alive] == [0] * len(self.alive)


@contextmanager
def writing(url: str, threads: int) -> Iterator[list[int]]:
    """Inside, rows are written all the time; gives how many each has written."""
    stop = threading.Event()
    written = [0] * threads

    def write(number: int) -> None:
        with closing(Writer(as_role(url, "writer"))) as writer:
            while not stop.is_set():
                rows = [make_row() for _ in range(100)]
                writer.write(Batch(rows=[*rows, waiting_row()]))
                written[number] += len(rows) + 1
                stop.wait(0.02)

    all_of_them = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for one in all_of_them:
        one.start()
    try:
        yield written
    finally:
        stop.set()
        for one in all_of_them:
            one.join()


@pytest.mark.timeout(300)
def test_sealers_that_are_killed_in_the_middle_leave_one_leaf_for_each_row(database: str, tmp_path: Path) -> None:
    key = keys.generate(tmp_path / "seal.key")
    chance = random.Random(11)
    sealing = Sealing(database, tmp_path / "seal.key", tmp_path)
    with psycopg.connect(database, autocommit=True) as superuser, psycopg.connect(database) as holder:
        try:
            sealing.start()
            with writing(database, 3) as written:
                for number in range(8):
                    sealing.start()  # stands by
                    leader = sealing.leader()
                    if number % 2:
                        held = chance.choice(HELD_UP)
                        holder.execute(f"LOCK TABLE {held} IN EXCLUSIVE MODE".encode())
                        until(lambda held=held: count(superuser, _WAITING, held) > 0)  # type: ignore[misc]
                    else:
                        until(lambda: count(superuser, _IN_A_PASS) > 0)
                        time.sleep(chance.uniform(0, 0.02))
                    sealing.kill(leader)
                    holder.rollback()
            sealing.leader()
            until(lambda: sealed_all(database))
            sealing.end()
        finally:
            for process in list(sealing.alive):
                sealing.kill(process)
        checkpoints = read_checkpoints(tmp_path / "checkpoints.jsonl")
        verified = looked(database, checkpoints, [key.verifier])
        assert not verified.findings, verified.findings.shown
        assert (verified.rows, verified.size, verified.waiting) == (sum(written), sum(written), 0)
        assert verified.outside == len(checkpoints) > 0
        assert leaves(superuser) == places(superuser)


def count(superuser: Superuser, question: str, *given: object) -> int:
    number: int = superuser.execute(question.encode(), given).fetchall()[0][0]
    return number


def leaves(superuser: Superuser) -> list[tuple[int, int]]:
    return sorted((leaf.lane, leaf.seq) for batch in reading.blocks(superuser) for leaf in reading.leaves_of(batch))


def places(superuser: Superuser) -> list[tuple[int, int]]:
    return [
        (lane, seq)
        for lane, seq in superuser.execute("SELECT lane, lane_seq FROM user_activity_logs ORDER BY lane, lane_seq")
    ]
