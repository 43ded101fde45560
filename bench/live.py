"""From a commit to the sockets.

    python -m bench.live [--rate 1000] [--seconds 30] [--filtered 1000] [--unfiltered 20] [--stalled 0] [--processes 2]

`prelude analytics` as a process of its own, an embedded PostgreSQL, a writer that commits at a steady rate in two lanes, and clients in other
processes. A row's time is the moment at which its batch was handed to the writer, so a lag is the commit itself and the way to the
client. No two filters are equal. The clients with filters are spread over `--processes`, and what each of those spends is told, so that it
shows when they are what is slow. `ulimit -n` allows as many files as there are sockets. `--stalled` adds sockets that read nothing for 20 s, and tells by how much the server's memory grew for each, and
what they heard when they read at last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.database import fresh_database
from prelude_analytics.access import issue
from prelude_store.connection import connect
from prelude_store.writer import Batch, Writer
from tests.support.ports import free_ports
from tests.support.rows import make_row

_USERS = 300
_OF_ALL = {
    "action_type": "crm",
    "action_name": "create_deal",
    "entity_type": "deal",
    "service_name": "crm-service",
    "result_status": "success",
}
"""What all rows have; beside a user it makes another filter."""
_BATCHES_A_SECOND = 50
_TICK = os.sysconf("SC_CLK_TCK")
_PATH = "/api/analytics/live"


@contextmanager
def analytics(database: str, sockets: int) -> Iterator[tuple[str, int]]:
    """The service, for so many sockets; its host with port, and the id of its process."""
    port = free_ports("analytics")["analytics"]
    options = [
        "--port",
        str(port),
        "--keeper",
        "off",
        "--json",
        "--requests-per-second",
        "0",
        "--live-sockets",
        str(sockets),
        "--live-sockets-per-token",
        "0",
        "--database-url",
        database,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "prelude_cli", "analytics", *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise SystemExit(f"prelude analytics did not start: see above; it ended with {process.wait()}")
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Clients:
    """A process of clients."""

    def __init__(self, host: str, token: str, paths: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.live_clients"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(json.dumps({"host": host, "token": token, "paths": paths}))
        if self._hear() != "ready\n":
            raise SystemExit("the clients did not connect")

    def begin(self) -> None:
        """What comes from now on counts."""
        self._say("begin")

    def end(self) -> list[float]:
        """The lags of all rows, in seconds."""
        self._say("end")
        lags: list[float] = json.loads(self._hear())
        self._process.wait()
        return lags

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def write(database: str, rate: int, stop: threading.Event) -> None:
    """Commit small batches at a steady rate, by turns in two lanes."""
    writers = [Writer(database), Writer(database)]
    pick = random.Random(1)
    due, turn = time.perf_counter(), 0
    while not stop.is_set():
        due += 1 / _BATCHES_A_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        now = time.time_ns() // 1000
        rows = []
        for number in range(rate // _BATCHES_A_SECOND):
            user = pick.randrange(_USERS)
            rows.append(
                make_row(
                    timestamp_us=now + number % 2,
                    user_email=f"user{user}@company.com",
                    session_id=f"session-{user}",
                    entity_id=str(pick.randrange(10_000)),
                )
            )
        writers[turn % 2].write(Batch(rows=rows))
        turn += 1
    for writer in writers:
        writer.close()


def paths(count: int) -> list[str]:
    """Filters of which each matches one user's rows: by one value, and by two."""
    found = []
    for number in range(count):
        user = number % _USERS
        one = (f"user_email=user{user}@company.com", f"session_id=session-{user}")[number // _USERS % 2]
        other = ("", *(f"&{name}={value}" for name, value in _OF_ALL.items()))[number // _USERS // 2]
        found.append(f"{_PATH}?{one}{other}")
    return found


def spent(pid: int) -> float:
    """Seconds of CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stall(host: str, token: str, stack: ExitStack) -> None:
    """A socket that is accepted, and never read."""
    name, port = host.split(":")
    plain = stack.enter_context(socket.socket())
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect((name, int(port)))
    plain.sendall(
        f"GET {_PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )


def told(name: str, lags: list[float]) -> None:
    """Print the lags of one kind of client."""
    lags.sort()
    marks = [f"p{part} {lags[int((len(lags) - 1) * part / 100)] * 1000:.0f} ms" for part in (50, 95, 99)]
    print(f"{name:<12} {len(lags):>9,} rows  {'  '.join(marks)}  slowest {lags[-1] * 1000:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {
        "rate": 1000,
        "seconds": 30,
        "filtered": 1000,
        "unfiltered": 20,
        "stalled": 0,
        "processes": 2,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked: Any = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stop = threading.Event()
    sockets = asked.filtered + asked.unfiltered
    with (
        fresh_database() as (database, _),
        analytics(database, sockets + asked.stalled) as (host, pid),
        ExitStack() as stack,
    ):
        with connect(database, "bench-live") as connection:
            token = issue.create(connection, "all").token
        writing = threading.Thread(target=write, args=(database, asked.rate, stop))
        writing.start()
        stack.callback(writing.join)
        stack.callback(stop.set)
        empty, wanted = resident(pid), paths(asked.filtered)
        filtered = [Clients(host, token, wanted[place :: asked.processes]) for place in range(asked.processes)]
        unfiltered = Clients(host, token, [_PATH] * asked.unfiltered)
        time.sleep(3)
        everybody = [each.pid for each in (*filtered, unfiltered)]
        before, started = [spent(one) for one in (pid, *everybody)], time.perf_counter()
        for clients in (*filtered, unfiltered):
            clients.begin()
        time.sleep(asked.seconds)
        lasted = time.perf_counter() - started
        server, *spending = [(spent(one) - had) / lasted for one, had in zip((pid, *everybody), before, strict=True)]
        told("filtered", [lag for clients in filtered for lag in clients.end()])
        told("unfiltered", unfiltered.end())
        memory = resident(pid)
        print(
            f"server: {server:.0%} of a core, {memory / 1e6:.0f} MB, {(memory - empty) / sockets / 1000:.0f} kB a socket"
        )
        print(f"clients: {', '.join(f'{share:.0%}' for share in spending)} of a core")
        if asked.stalled:
            memory = resident(pid)
            for _ in range(asked.stalled):
                stall(host, token, stack)
            time.sleep(20)  # less than a send may take
            print(f"each of {asked.stalled} stalled sockets: {(resident(pid) - memory) / asked.stalled / 1000:.0f} kB")


if __name__ == "__main__":
    main()
