"""OTLP bytes in -> rows, against Telegraf: the other way from OTLP to PostgreSQL that is in use.

    python -m bench.peers [--rows 20000] [--rounds 5] [--telegraf PATH] [--indexes]

The same log records over gRPC, in requests of 1,000, into one embedded PostgreSQL with its default durability. Each round measures one
after the other: ``ours`` until the last answer, which is after COMMIT; Telegraf until its table holds all rows, since it answers before.
Its table is the one that it makes itself: no key, no index, attributes as text. With --indexes it gets as many as ours has, a unique one
and four others, after the first round. Without --telegraf it is built by Go from the module
proxy, once, into the user's cache folder; that takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.database import fresh_database
from bench.ingest import _EXPORT, _PER_REQUEST, Connection, _send, exporters
from bench.ingest_load import requests

_VERSION = "v1.37.2"
_TAGS = "custom,inputs.opentelemetry,outputs.postgresql"
_CONFIG = """
[agent]
  flush_interval = "100ms"
  flush_jitter = "0s"
  metric_batch_size = 5000
  metric_buffer_limit = 1000000
  omit_hostname = true
  quiet = true
[[inputs.opentelemetry]]
  service_address = "127.0.0.1:{port}"
[[outputs.postgresql]]
  connection = "{connection}"
  schema = "telegraf"
"""
_PATIENCE = 120
_INDEXES = (
    "CREATE UNIQUE INDEX ON telegraf.logs (time, span_id, trace_id)",
    "CREATE INDEX ON telegraf.logs (time)",
    "CREATE INDEX ON telegraf.logs (trace_id, time DESC)",
    "CREATE INDEX ON telegraf.logs (span_id, time DESC)",
    "CREATE INDEX ON telegraf.logs (span_id, trace_id)",
)


def main() -> None:
    """Measure, and print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="rows of one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    parser.add_argument("--indexes", action="store_true", help="on Telegraf's table, too")
    parser.add_argument("--telegraf", type=Path, help="its binary; else it is built")
    given = parser.parse_args()
    binary = given.telegraf or _built()
    with (
        fresh_database() as (database_url, folder),
        psycopg.connect(database_url, autocommit=True) as connection,
        exporters(database_url, 1) as channels,
        _telegraf(binary, database_url, folder) as channel,
    ):
        connection.execute("CREATE SCHEMA telegraf")
        ours, theirs = [], []
        for number in range(-1, given.rounds):
            start_ns = time.time_ns() - 3_600_000_000_000
            bodies = list(requests(given.rows // _PER_REQUEST, _PER_REQUEST, start_ns, number))
            sent = len(bodies) * _PER_REQUEST
            connection.execute("CHECKPOINT")
            mine = _send([channels[0].unary_unary(_EXPORT)], bodies, given.streams)
            connection.execute("CHECKPOINT")
            other = _until_there(connection, channel, bodies, given.streams)
            if number < 0:  # warms caches and partitions, and makes Telegraf's table
                for statement in _INDEXES if given.indexes else ():
                    connection.execute(statement)
                continue
            ours.append(sent / mine)
            theirs.append(sent / other)
            print(
                f"round {number + 1}: ours {ours[-1]:8,.0f} rows/s   Telegraf {theirs[-1]:8,.0f}   {other / mine:.2f}"
            )
        ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
        print(
            f"median: ours {statistics.median(ours):,.0f} rows/s, Telegraf {statistics.median(theirs):,.0f} rows/s, ratio {ratio:.2f}"
        )


def _until_there(connection: Connection, channel: grpc.Channel, bodies: list[bytes], streams: int) -> float:
    if _made(connection):
        connection.execute("TRUNCATE telegraf.logs")  # so that counting stays quick
    sent = len(bodies) * _PER_REQUEST
    begun = time.perf_counter()
    _send([channel.unary_unary(_EXPORT)], bodies, streams)
    while (there := _count(connection)) < sent:
        if time.perf_counter() - begun > _PATIENCE:
            sys.exit(f"{sent} records were sent to Telegraf, {there} rows are there")
        time.sleep(0.02)
    return time.perf_counter() - begun


def _made(connection: Connection) -> bool:
    return connection.execute("SELECT to_regclass('telegraf.logs')").fetchone() != (None,)


def _count(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM telegraf.logs").fetchone() if _made(connection) else None
    return int(row[0]) if row else 0


@contextmanager
def _telegraf(binary: Path, url: str, folder: Path) -> Iterator[grpc.Channel]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    parts = conninfo_to_dict(url)
    config = folder / "telegraf.conf"
    connection = " ".join(f"{name}={parts[name]}" for name in ("host", "user", "dbname") if name in parts)
    config.write_text(_CONFIG.format(port=port, connection=connection), encoding="utf-8")
    process = subprocess.Popen([binary, "--config", config], stdout=subprocess.DEVNULL)
    try:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        grpc.channel_ready_future(channel).result(30)
        yield channel
    finally:
        process.terminate()
        process.wait(15)


def _built() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prelude-bench" / f"telegraf-{_VERSION}"
    if not (folder / "telegraf").exists():
        print(f"building Telegraf {_VERSION} into {folder}", file=sys.stderr)
        package = f"github.com/influxdata/telegraf/cmd/telegraf@{_VERSION}"
        environment: dict[str, Any] = os.environ | {"GOBIN": str(folder)}
        subprocess.run(["nice", "go", "install", "-trimpath", "-tags", _TAGS, package], env=environment, check=True)
    return folder / "telegraf"


if __name__ == "__main__":
    main()
