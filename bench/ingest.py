"""OTLP bytes in -> committed rows, against raw COPY of the same rows from a file into a twin of the table.

    python -m bench.ingest [--rows 20000] [--rounds 7] [--order collector]

A real exporter process, gRPC, requests of 1,000 activities built beforehand, embedded PostgreSQL with its default durability (fsync on).
The twin has the same columns, indexes and partitions. Each round measures one after the other, so that both meet the same machine:
``raw`` is one COPY of the round's rows, sorted, from a file that the server reads itself; ``ours`` lasts until the last answer.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg

from bench.collector_order import as_the_collector_writes
from bench.database import fresh_database
from bench.ingest_load import requests
from prelude_store import partitions

_EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_PER_REQUEST = 1_000
_COMMAND = [sys.executable, "-c", "from prelude_exporter.command import command; command()"]

Connection = psycopg.Connection[Any]


def main() -> None:
    """Measure, and print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of one round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    parser.add_argument("--order", choices=["sdk", "collector"], default="sdk", help="of fields and keys in a request")
    parser.add_argument("--exporters", type=int, default=1, help="processes, each with two writers")
    given = parser.parse_args()
    with (
        fresh_database() as (database_url, _),
        psycopg.connect(database_url, autocommit=True) as connection,
        exporters(database_url, given.exporters) as channels,
    ):
        copied_to = _twin(connection)
        calls = [channel.unary_unary(_EXPORT) for channel in channels]
        ours, raw = [], []
        for number in range(-1, given.rounds):
            sent, took, copied = _round(connection, calls, copied_to, given, number)
            if number < 0:
                continue  # warms caches, plans and partitions
            ours.append(sent / took)
            raw.append(sent / copied)
            print(
                f"round {number + 1}: ours {sent / took:8,.0f} rows/s   raw COPY {sent / copied:8,.0f} rows/s   {copied / took:.2f}"
            )
        ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, raw, strict=True))
        print(
            f"median: ours {statistics.median(ours):,.0f} rows/s, raw COPY {statistics.median(raw):,.0f} rows/s, "
            f"ratio {ratio:.2f} ({len(ours)} interleaved rounds of {sent:,} rows, {given.exporters} exporter process(es))"
        )


def _round(
    connection: Connection, calls: list[Any], copied_to: Path, given: argparse.Namespace, number: int
) -> tuple[int, float, float]:
    start_ns = time.time_ns() - 3_600_000_000_000
    bodies = list(requests(given.rows // _PER_REQUEST, _PER_REQUEST, start_ns, number))
    if given.order == "collector":
        bodies = list(map(as_the_collector_writes, bodies))
    before = _lanes(connection)
    connection.execute("CHECKPOINT")
    took = _send(calls, bodies, given.streams)
    mine = " OR ".join(f"(lane = {lane} AND lane_seq > {before.get(lane, 0)})" for lane in _lanes(connection))
    copied_to.unlink(missing_ok=True)
    written = connection.execute(
        f"COPY (SELECT * FROM user_activity_logs WHERE {mine} ORDER BY timestamp, event_id) TO '{copied_to}'"
    ).rowcount
    if written != len(bodies) * _PER_REQUEST:
        sys.exit(f"{len(bodies) * _PER_REQUEST} records were sent, {written} rows are there")
    connection.execute("CHECKPOINT")
    begun = time.perf_counter()
    connection.execute(f"COPY twin FROM '{copied_to}'")
    return written, took, time.perf_counter() - begun


def _send(calls: list[Any], bodies: list[bytes], streams: int) -> float:
    begun = time.perf_counter()
    waiting: list[Future[bytes]] = []
    for number, body in enumerate(bodies):
        if len(waiting) >= streams:
            waiting.pop(0).result()
        waiting.append(calls[number % len(calls)].future(body, timeout=30))
    for answer in waiting:
        answer.result()
    return time.perf_counter() - begun


def _lanes(connection: Connection) -> dict[int, int]:
    return dict(connection.execute("SELECT lane, last_seq FROM ingest_lanes").fetchall())


def _twin(connection: Connection) -> Path:
    partitions.ensure_ahead(connection)
    connection.execute("CREATE TABLE twin (LIKE user_activity_logs INCLUDING ALL) PARTITION BY RANGE (timestamp)")
    connection.execute(
        """
        DO $$
        DECLARE part record;
        BEGIN
            FOR part IN
                SELECT relname, pg_get_expr(relpartbound, oid) AS bound FROM pg_class
                WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass)
            LOOP
                EXECUTE format('CREATE TABLE %I PARTITION OF twin %s', 'twin_' || part.relname, part.bound);
            END LOOP;
        END $$
        """
    )
    folder = connection.execute("SHOW data_directory").fetchone()
    return Path(folder[0]) / "bench.copy" if folder else Path()


@contextmanager
def exporters(url: str, count: int) -> Iterator[list[grpc.Channel]]:
    """Exporter processes on ports of their own, and a channel to each."""
    environment = os.environ | {"PRELUDE_DATABASE_URL": url}
    flags = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--json"]
    processes = [
        subprocess.Popen([*_COMMAND, *flags], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        addresses = [json.loads(process.stdout.readline())["grpc"] for process in processes if process.stdout]
        yield [grpc.insecure_channel(address) for address in addresses]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(15)


if __name__ == "__main__":
    main()
