"""Whether the exporter's memory grows with what has gone through it: resident size of a real process, million by million.

    python -m bench.memory [--millions 10] [--step 0.5]

Requests of 1,000 activities over gRPC, eight in flight. Built once and sent again under new ids, so that making them costs little; the log is
emptied at each step, so that the disk does not fill. Takes some minutes for 10 M.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import psycopg

from bench.database import fresh_database
from bench.ingest import _EXPORT, _PER_REQUEST, _send, exporters
from bench.ingest_load import requests

_MILLION = 1_000_000
_TEMPLATES = 10
_AT_ONCE = 50


def main() -> None:
    """Send, and print one line a step and the growth after the first million."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=10, help="records to send")
    parser.add_argument("--step", type=float, default=0.5, help="millions between two looks")
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    given = parser.parse_args()
    with (
        fresh_database() as (database_url, _),
        psycopg.connect(database_url, autocommit=True) as connection,
        exporters(database_url, 1) as channels,
    ):
        calls = [channels[0].unary_unary(_EXPORT)]
        process = _exporter()
        templates = [_template(number) for number in range(_TEMPLATES)]
        seen: list[tuple[float, float]] = []
        sent, batch = 0, 0
        begun = time.perf_counter()
        while sent < given.millions * _MILLION:
            until = min(sent + given.step * _MILLION, given.millions * _MILLION)
            before = sent
            while sent < until:
                bodies = [
                    _under_new_ids(template, batch * _AT_ONCE + index)
                    for index, template in enumerate((templates * _AT_ONCE)[:_AT_ONCE])
                ]
                _send(calls, bodies, given.streams)
                batch += 1
                sent += len(bodies) * _PER_REQUEST
            row = connection.execute("SELECT count(*) FROM user_activity_logs").fetchone()
            if row != (sent - before,):
                raise SystemExit(f"{sent - before} records were sent, {row} rows are there")
            connection.execute("TRUNCATE user_activity_logs")
            seen.append((sent / _MILLION, _resident(process)))
            print(
                f"{seen[-1][0]:6.2f} M records: {seen[-1][1]:7.1f} MiB ({sent / (time.perf_counter() - begun):,.0f} records/s)",
                flush=True,
            )
        settled = [size for millions, size in seen if millions >= 1] or [size for _, size in seen]
        print(
            f"after the first million: from {min(settled):.1f} to {max(settled):.1f} MiB, {settled[-1] - settled[0]:+.1f} MiB from first to last"
        )


def _template(number: int) -> bytes:
    """A request whose ids start with a mark that is replaced."""
    (body,) = requests(1, _PER_REQUEST, time.time_ns() - 3_600_000_000_000, number)
    start = body.index(b"log.record.uid") + 18  # key, then tags and lengths of the value and its text
    prefix = body[start : start + 8]  # of a UUIDv7: the same for 65 s
    if body.count(prefix) < _PER_REQUEST:
        return _template(number)
    return body.replace(prefix, b"\0" * 8)


def _under_new_ids(template: bytes, number: int) -> bytes:
    return template.replace(b"\0" * 8, f"{number:08x}".encode())


def _exporter() -> int:
    """The process that `exporters` started: the child of ours that is one."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and b"prelude_exporter" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                continue  # gone meanwhile
    raise SystemExit("no exporter is running")


def _resident(process: int) -> float:
    """MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
