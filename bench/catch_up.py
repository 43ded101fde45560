"""After an absence: how fast the exporter takes what waits in the Collector, while new activities go on coming.

    python -m bench.catch_up [--rate 1000] [--minutes 10]

The real Collector with our settings, its queue on disk with fsync; a real exporter process; embedded PostgreSQL with its default
durability. First the exporter is away, and the Collector takes what `--minutes` at `--rate` a second would have brought. Then it
comes back, and until all is there, activities go on coming at that rate. The figure is rows committed a second by the live rate.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from bench.database import fresh_database
from bench.ingest_load import requests
from prelude_cli.collector.find import find_collector
from tests.support.collector import RunningCollector, running_collector

_PER_REQUEST = 500
_TICK_S = 0.1


def main() -> None:
    """Measure once, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1_000, help="activities a second")
    parser.add_argument("--minutes", type=float, default=10.0, help="of absence")
    given = parser.parse_args()
    program = find_collector()
    if program is None:
        sys.exit("there is no Collector: run prelude collector build")
    waiting = round(given.rate * given.minutes * 60)
    with (
        fresh_database() as (database_url, folder),
        running_collector(program.path, folder) as collector,
    ):
        begun = time.perf_counter()
        start_ns = time.time_ns() - round(given.minutes * 60e9)
        for body in requests(-(-waiting // _PER_REQUEST), _PER_REQUEST, start_ns, seed=1):
            _post(collector, body)
        waiting = -(-waiting // _PER_REQUEST) * _PER_REQUEST
        print(f"{waiting:,} activities wait in the Collector ({time.perf_counter() - begun:.0f} s to put them there)")
        live = _Live(collector, given.rate)
        with (
            psycopg.connect(database_url, autocommit=True) as connection,
            _exporter(database_url, collector.exporter) as http,
        ):
            begun = time.perf_counter()
            live.start()
            done = 0
            while done < waiting + live.sent - given.rate * 0.5:
                time.sleep(0.25)
                done = _committed(connection)
            took = time.perf_counter() - begun
            live.stop()
            for name in ("prelude_exporter_requests_total", "prelude_exporter_rows_total"):
                _show(http, name)
    print(
        f"caught up in {took:.0f} s, while {live.sent:,} more came at {given.rate:,} a second: {done / took:,.0f} rows/s,"
        f" {done / took / given.rate:.1f} times the live rate"
    )


class _Live(threading.Thread):
    """Sends at a steady rate; `sent` counts what the Collector has taken."""

    def __init__(self, collector: RunningCollector, rate: int) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self._collector = collector
        self._each = max(round(rate * _TICK_S), 1)
        self._ends = threading.Event()

    def run(self) -> None:
        at = time.perf_counter()
        number = 0
        while not self._ends.is_set():
            number += 1
            (body,) = requests(1, self._each, time.time_ns() - 200_000_000, seed=1_000_000 + number)
            _post(self._collector, body)
            self.sent += self._each
            at += _TICK_S
            self._ends.wait(max(at - time.perf_counter(), 0))

    def stop(self) -> None:
        self._ends.set()
        self.join()


@contextmanager
def _exporter(database_url: str, grpc: str) -> Iterator[str]:
    """Gives its address for HTTP."""
    command = [sys.executable, "-m", "prelude_cli", "exporter", "--grpc", grpc, "--http", "127.0.0.1:0", "--json"]
    process = subprocess.Popen(
        command, env=os.environ | {"PRELUDE_DATABASE_URL": database_url}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    http = json.loads(process.stdout.readline())["http"]
    try:
        yield http
    finally:
        process.terminate()
        process.wait(30)


def _show(http: str, name: str) -> None:
    """What the exporter has counted there, without the zeros."""
    with urllib.request.urlopen(f"{http}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    print(*(line for line in lines if line.startswith(name) and not line.endswith(" 0.0")), sep="\n")


def _committed(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(sum(last_seq), 0)::bigint FROM ingest_lanes").fetchone()
    return int(row[0]) if row else 0


def _post(collector: RunningCollector, body: bytes) -> None:
    request = urllib.request.Request(f"{collector.http}/v1/logs", body, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=60):
        pass


if __name__ == "__main__":
    main()
