"""What sealing costs: ingest with the sealer at work, against ingest while it sleeps, interleaved; and how fast logs are verified.

    python -m bench.seals [--rows 40000] [--rounds 7]

A real exporter process and a real sealer process, embedded PostgreSQL. A round without: the sealer is stopped (SIGSTOP) while rows are sent,
and seals them afterwards, outside the time. A round with: it seals while they are sent. ``sealed`` is how long after the last answer all
is under a signature. At the end one look at ordinary load (1,000 rows a second, in requests of 50): how long after its answer each request
is under a signature; then `prelude store verify`, the export of a bundle and its check by verify/prelude_verify.py, each over all rows.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from bench.database import fresh_database
from bench.ingest import _EXPORT, _PER_REQUEST, _send, exporters
from bench.ingest_load import requests
from prelude_store import partitions
from prelude_store.seals import keys
from prelude_store.seals.bundle import write_bundle
from prelude_store.seals.sealer import connected
from prelude_store.seals.verify import verify

_STORE = [sys.executable, "-c", "from prelude_store.command import command; command()"]
_VERIFIER = Path(__file__).parents[1] / "verify" / "prelude_verify.py"
_BEHIND = """
SELECT coalesce(sum(last_seq - coalesce(seq, 0)), 0) > 0
    OR (SELECT size FROM seal_state) > coalesce((SELECT max(size) FROM seal_checkpoints), 0)
FROM ingest_lanes LEFT JOIN seal_cursors USING (lane)
"""


def main() -> None:
    """Measure, and print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40_000, help="rows of one round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    parser.add_argument("--seconds", type=float, default=10.0, help="of ordinary load")
    given = parser.parse_args()
    with fresh_database() as (database_url, folder):
        key = keys.generate(folder / "seal.key")
        sealing = [*_STORE, "seal", "run", "--database-url", database_url, "--key-file", str(folder / "seal.key")]
        with (
            psycopg.connect(database_url, autocommit=True) as connection,
            exporters(database_url, 1) as channels,
            subprocess.Popen(sealing, stderr=subprocess.DEVNULL) as sealer,
        ):
            try:
                calls = [channel.unary_unary(_EXPORT) for channel in channels]
                partitions.ensure_ahead(connection)
                _cost(connection, calls, sealer, given)
                _ordinary(connection, calls, given)
            finally:
                sealer.send_signal(signal.SIGCONT)
                sealer.terminate()
        _verification(database_url, folder, str(key.verifier))


def _cost(
    connection: psycopg.Connection[Any], calls: list[Any], sealer: subprocess.Popen[bytes], given: argparse.Namespace
) -> None:
    ratios, lags = [], []
    for number in range(-1, given.rounds):
        rates = {}
        for at_work in (True, False) if number % 2 else (False, True):
            seed, first = 2 * number + at_work, time.time_ns() - 3_600_000_000_000
            bodies = list(requests(given.rows // _PER_REQUEST, _PER_REQUEST, first, seed))
            connection.execute("CHECKPOINT")
            sealer.send_signal(signal.SIGCONT if at_work else signal.SIGSTOP)
            took = _send(calls, bodies, given.streams)
            sealer.send_signal(signal.SIGCONT)
            rates[at_work] = given.rows / took
            begun = time.perf_counter()
            _until_sealed(connection)
            if at_work and number >= 0:
                lags.append(time.perf_counter() - begun)
        if number < 0:
            continue  # warms caches, plans and partitions
        ratios.append(rates[True] / rates[False])
        print(
            f"round {number + 1}: with {rates[True]:8,.0f} rows/s   without {rates[False]:8,.0f} rows/s   {ratios[-1]:.2f}   sealed {lags[-1]:.2f} s"
        )
    print(
        f"median: {statistics.median(ratios):.2f} of ingest, all sealed {statistics.median(lags):.2f} s after the last answer"
    )


def _ordinary(connection: psycopg.Connection[Any], calls: list[Any], given: argparse.Namespace) -> None:
    waits = []
    ends = time.perf_counter() + given.seconds
    number = 0
    while time.perf_counter() < ends:
        begun = time.perf_counter()
        bodies = list(requests(1, 50, time.time_ns() - 60_000_000_000, 10_000_000 + number))
        _send(calls, bodies, 1)
        number += 1
        if number % 20 == 0:
            answered = time.perf_counter()
            _until_sealed(connection)
            waits.append(time.perf_counter() - answered)
        time.sleep(max(0.05 - (time.perf_counter() - begun), 0))
    waits.sort()
    print(
        f"ordinary load: under a signature after {statistics.median(waits):.2f} s (median), {waits[-1]:.2f} s (longest of {len(waits)})"
    )


def _until_sealed(connection: psycopg.Connection[Any]) -> None:
    while True:
        row = connection.execute(_BEHIND).fetchone()
        if row is None or not row[0]:
            return
        time.sleep(0.02)


def _verification(database_url: str, folder: Path, vkey: str) -> None:
    with connected(database_url, "bench") as connection:
        begun = time.perf_counter()
        verified = verify(connection)
        took = time.perf_counter() - begun
        assert not verified.findings, verified.findings.shown
        print(f"prelude store verify: {verified.rows / took:,.0f} rows/s over {verified.rows:,} rows")
        begun = time.perf_counter()
        with (folder / "bundle").open("w", encoding="utf-8") as file:
            write_bundle(connection, file)
        print(f"export: {verified.rows / (time.perf_counter() - begun):,.0f} rows/s")
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, _VERIFIER, folder / "bundle", "--key", vkey, "--quiet"], check=True, stdout=subprocess.DEVNULL
    )
    print(f"prelude_verify.py: {verified.rows / (time.perf_counter() - begun):,.0f} rows/s")


if __name__ == "__main__":
    main()
