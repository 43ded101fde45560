"""What keeping rollups, sessions and the timeline costs: ingest with the keepers at work, against ingest while they sleep, interleaved.

    python -m bench.rollups [--rows 150000] [--rounds 7]

A real exporter process, and the keepers of `prelude analytics` in a process of their own, embedded PostgreSQL. A round without: the keepers
are stopped (SIGSTOP) while rows are sent, and catch up afterwards, outside the time. A round with: they work while rows are sent; it says how
much of them was counted by the last answer, since what is left over costs nothing in its time. ``CPU a row`` is theirs: of the process and
of its connections to the database, over all rows of all rounds, catching up included.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from bench.database import fresh_database
from bench.ingest import _EXPORT, _PER_REQUEST, _send, exporters
from bench.ingest_load import requests
from prelude_store import partitions
from prelude_store.rollups.state import behind

_KEEPERS = ("prelude-keeper", "prelude-timeline")


class _Round(NamedTuple):
    """`rate` in rows/s, `counted` of 1 by the last answer, `lag` in seconds until all is counted."""

    rate: float
    counted: float
    lag: float


def main() -> None:
    """Measure, and print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, default=150_000, help="rows of one round; of few, most are counted outside its time"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    given = parser.parse_args()
    with (
        fresh_database() as (database_url, _),
        psycopg.connect(database_url, autocommit=True) as connection,
        exporters(database_url, 1) as channels,
        subprocess.Popen([sys.executable, "-m", "bench.keeper", database_url], stderr=subprocess.DEVNULL) as keeper,
    ):
        try:
            partitions.ensure_ahead(connection)
            _measure(connection, [channel.unary_unary(_EXPORT) for channel in channels], keeper, given)
        finally:
            keeper.send_signal(signal.SIGCONT)
            keeper.kill()


def _measure(
    connection: psycopg.Connection[Any], calls: list[Any], keeper: subprocess.Popen[bytes], given: argparse.Namespace
) -> None:
    _round(connection, calls, keeper, given, 0, at_work=True)  # warms caches, plans and partitions
    used, ratios, rounds = _cpu(connection, keeper), [], []
    for number in range(1, given.rounds + 1):
        found = {
            at_work: _round(connection, calls, keeper, given, 2 * number + at_work, at_work=at_work)
            for at_work in ((True, False) if number % 2 else (False, True))
        }
        ratios.append(found[True].rate / found[False].rate)
        rounds.append(found[True])
        print(
            f"round {number}: with {found[True].rate:8,.0f} rows/s   without {found[False].rate:8,.0f} rows/s   {ratios[-1]:.2f}"
            f"   counted {found[True].counted:.0%}, all after {found[True].lag:.2f} s",
            flush=True,
        )
    rows = 2 * given.rounds * (given.rows // _PER_REQUEST * _PER_REQUEST)
    print(
        f"median: {statistics.median(ratios):.2f} of ingest, {statistics.median(one.counted for one in rounds):.0%} counted by the last answer, "
        f"all {statistics.median(one.lag for one in rounds):.2f} s after it"
    )
    if used:
        after = _cpu(connection, keeper)
        print("CPU a row: " + ", ".join(f"{who} {(after[who] - used[who]) / rows * 1e6:.1f} µs" for who in used))


def _round(
    connection: psycopg.Connection[Any],
    calls: list[Any],
    keeper: subprocess.Popen[bytes],
    given: argparse.Namespace,
    seed: int,
    *,
    at_work: bool,
) -> _Round:
    start_ns = time.time_ns() - 3_600_000_000_000
    bodies = list(requests(given.rows // _PER_REQUEST, _PER_REQUEST, start_ns, seed))
    connection.execute("CHECKPOINT")
    keeper.send_signal(signal.SIGCONT if at_work else signal.SIGSTOP)
    took = _send(calls, bodies, given.streams)
    left = behind(connection)
    keeper.send_signal(signal.SIGCONT)
    begun = time.perf_counter()
    while behind(connection):
        time.sleep(0.02)
    return _Round(given.rows / took, 1 - left / given.rows, time.perf_counter() - begun)


def _cpu(connection: psycopg.Connection[Any], keeper: subprocess.Popen[bytes]) -> dict[str, float]:
    """Seconds of CPU that the keepers have used; nothing where the system does not tell."""
    backends = connection.execute(
        "SELECT application_name, pid FROM pg_stat_activity WHERE application_name = ANY (%s)", [list(_KEEPERS)]
    ).fetchall()
    try:
        return {who: _seconds(pid) for who, pid in [*backends, ("their process", keeper.pid)]}
    except OSError:
        return {}


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
