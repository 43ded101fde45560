"""What keeping rollups and sessions costs: ingest with the keeper at work, against ingest while it sleeps, interleaved.

    python -m bench.rollups [--rows 40000] [--rounds 7]

A real exporter process and a real keeper process, embedded PostgreSQL. A round without: the keeper is stopped (SIGSTOP) while rows are sent,
and counts them afterwards, outside the time. A round with: it counts while they are sent. ``behind`` is how long after the last answer all
is counted.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

import psycopg

from bench.database import fresh_database
from bench.ingest import _EXPORT, _PER_REQUEST, _send, exporters
from bench.ingest_load import requests
from prelude_store import partitions
from prelude_store.rollups.state import behind

_KEEPER = [sys.executable, "-c", "from prelude_store.command import command; command()", "rollup", "run"]


def main() -> None:
    """Measure, and print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40_000, help="rows of one round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    given = parser.parse_args()
    with (
        fresh_database() as (database_url, _),
        psycopg.connect(database_url, autocommit=True) as connection,
        exporters(database_url, 1) as channels,
        subprocess.Popen([*_KEEPER, "--database-url", database_url], stderr=subprocess.DEVNULL) as keeper,
    ):
        try:
            _measure(connection, [channel.unary_unary(_EXPORT) for channel in channels], keeper, given)
        finally:
            keeper.send_signal(signal.SIGCONT)
            keeper.terminate()


def _measure(
    connection: psycopg.Connection[Any], calls: list[Any], keeper: subprocess.Popen[bytes], given: argparse.Namespace
) -> None:
    partitions.ensure_ahead(connection)
    ratios, lags = [], []
    for number in range(-1, given.rounds):
        rates = {}
        for at_work in (True, False) if number % 2 else (False, True):
            bodies = list(
                requests(
                    given.rows // _PER_REQUEST, _PER_REQUEST, time.time_ns() - 3_600_000_000_000, 2 * number + at_work
                )
            )
            connection.execute("CHECKPOINT")
            keeper.send_signal(signal.SIGCONT if at_work else signal.SIGSTOP)
            took = _send(calls, bodies, given.streams)
            keeper.send_signal(signal.SIGCONT)
            rates[at_work] = given.rows / took
            begun = time.perf_counter()
            while behind(connection):
                time.sleep(0.02)
            if at_work and number >= 0:
                lags.append(time.perf_counter() - begun)
        if number < 0:
            continue  # warms caches, plans and partitions
        ratios.append(rates[True] / rates[False])
        print(
            f"round {number + 1}: with {rates[True]:8,.0f} rows/s   without {rates[False]:8,.0f} rows/s   {ratios[-1]:.2f}   behind {lags[-1]:.2f} s"
        )
    print(
        f"median: {statistics.median(ratios):.2f} of ingest, all counted {statistics.median(lags):.2f} s after the last answer"
    )


if __name__ == "__main__":
    main()
