"""What it takes to let rows go while ingest goes on, and how long a write waits meanwhile.

    python -m bench.retention [--rows 1000000] [--days 7]

Embedded PostgreSQL with its default durability; a past of so many rows (`prelude demo seed`), counted, on the days before 120 days ago; a keeper that
counts, in a process of its own, as the run; and a writer that commits 200 new rows at a time, as often as it can. ``before``: ingest alone, for ten seconds. ``rows``: all types but
crm go one by one. ``drop``: what is left goes, a week at a time, as partitions. Of each: rows, seconds, rows a second; writes, and of them the median, the 99th percentile
and the longest, in milliseconds; the longest batch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Self

from bench.database import fresh_database
from bench.ingest_load import requests
from prelude_exporter.decoding.decode import Decoder
from prelude_otel.contract.vocabulary import ACTION_TYPES
from prelude_store import lanes
from prelude_store.batch import Batch
from prelude_store.connection import connect
from prelude_store.retention.policies import remove_policy, set_policy
from prelude_store.retention.policy import Policy, scope_of
from prelude_store.seed.build import build
from prelude_store.seed.load import load
from prelude_store.seed.plan import past
from prelude_store.writer import Writer

_STORE = [sys.executable, "-c", "from prelude_store.command import command; command()"]
_AT_ONCE = 200
_ALONE = 10.0
_AGO = timedelta(days=120)


def main() -> None:
    """Measure, and print a line for each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=7)
    asked = parser.parse_args()
    with fresh_database() as (database_url, _):
        made = past(asked.rows, asked.days, datetime.now(UTC) - _AGO, "1", None)
        rows = sum(result.inserted for result in load(database_url, made, 2))
        build(database_url)
        print(f"{rows:,} rows of the past, counted")
        with subprocess.Popen(
            [*_STORE, "rollup", "run", "--database-url", database_url], stderr=subprocess.DEVNULL
        ) as keeper:
            with _Ingest(database_url) as ingest:
                time.sleep(_ALONE)
                print(f"before: {ingest.said()}")
                for action_type in sorted(ACTION_TYPES - {"crm"}):
                    _policy(database_url, action_type)
                print(f"rows:   {_run(database_url)}   {ingest.said()}")
                for action_type in sorted(ACTION_TYPES - {"crm"}):
                    _policy(database_url, action_type, remove=True)
                _policy(database_url, None)
                print(f"drop:   {_run(database_url)}   {ingest.said()}")
            keeper.terminate()


class _Ingest:
    """Writes new rows as often as it can, and notes how long each write took."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._seconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def said(self) -> str:
        """The writes since the last time, in a line."""
        seconds, self._seconds = sorted(self._seconds), []
        if not seconds:
            return "no write"
        median, last = statistics.median(seconds), seconds[min(int(len(seconds) * 0.99), len(seconds) - 1)]
        return f"{len(seconds):,} writes, median {median * 1000:.1f}, p99 {last * 1000:.1f}, longest {seconds[-1] * 1000:.1f} ms"

    def _write(self) -> None:
        writer = Writer(self._url, statement_timeout=60)
        number = 0
        while not self._stop.is_set():
            number += 1
            (body,) = requests(1, _AT_ONCE, time.time_ns() - 60_000_000_000, number)
            rows = Decoder().logs(body).rows
            begun = time.perf_counter()
            writer.write(Batch(rows=rows))
            self._seconds.append(time.perf_counter() - begun)
        writer.close()


def _policy(database_url: str, action_type: str | None, *, remove: bool = False) -> None:
    with connect(database_url, "bench") as connection:
        lane, scope = lanes.claim(connection), scope_of(action_type, None, None)
        with connection.transaction():
            if remove:
                remove_policy(connection, lane, "bench", scope)
            else:
                set_policy(connection, lane, "bench", Policy(0, scope, "90d"))


def _run(database_url: str) -> str:
    begun = time.perf_counter()
    said = subprocess.run(
        [*_STORE, "retain", "run", "--json", "--database-url", database_url], capture_output=True, check=True
    )
    took, outcome = time.perf_counter() - begun, json.loads(said.stdout)
    return (
        f"{outcome['rows']:,} rows, {outcome['partitions']} partitions, {took:.1f} s, {outcome['rows'] / took:,.0f} a second, longest batch"
        f" {outcome['longest'] * 1000:.0f} ms, {outcome['waiting']:,} waiting"
    )


if __name__ == "__main__":
    main()
