"""From an action to its committed row, through the real Collector.

    python -m bench.latency [--rates 1 20 200 1000] [--seconds 15]

A service process acts at a steady rate, one decorated call after another; Collector with the settings that ship, exporter process and
embedded PostgreSQL stand as in production, on one machine. A reader asks the lanes every 5 ms, as the live feed does: the lag of an action is
the time from its start to the answer that first holds its row.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import psycopg

from bench.database import fresh_database
from prelude_cli.collector.find import find_collector
from tests.support.chain import running_exporter
from tests.support.collector import running_collector

_POLL_S = 0.005
_LANDS_WITHIN_S = 30.0

SERVICE = """
import sys, time
import prelude_otel
endpoint, rate, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
prelude_otel.instrument(endpoint=endpoint, service_name="bench", spool=sys.argv[4] or None)
prelude_otel.set_user("user@company.com", "session-abc")

@prelude_otel.activity("crm.create_deal")
def create_deal(deal_name, value_usd, client_id, deal_id): ...

due = time.perf_counter()
for number in range(count):
    due += 1 / rate
    time.sleep(max(0.0, due - time.perf_counter()))
    create_deal("Enterprise Contract", 50000.0, 123, number)
prelude_otel.flush(30)
"""


def main() -> None:
    """Measure each rate, and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 20, 200, 1000], help="actions a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each rate")
    parser.add_argument("--spool", action="store_true", help="the service has a spool")
    given = parser.parse_args()
    program = find_collector()
    if program is None:
        sys.exit("no Collector: run `prelude collector build` first")
    with (
        fresh_database(max_wal_size="1GB") as (database_url, folder),
        running_collector(program.path, folder) as collector,
        running_exporter(database_url, collector.exporter, folder / "exporter.log"),
    ):
        _measure(database_url, collector.http, 50, 50, "")  # warms connections, plans and partitions
        for rate in given.rates:
            spool = str(folder / "spool") if given.spool else ""
            lags = sorted(_measure(database_url, collector.http, rate, max(10, int(rate * given.seconds)), spool))
            p50, p99 = lags[len(lags) // 2], lags[min(len(lags) - 1, len(lags) * 99 // 100)]
            print(
                f"{rate:7g}/s: p50 {p50 * 1000:6.0f} ms   p99 {p99 * 1000:6.0f} ms   max {lags[-1] * 1000:6.0f} ms   ({len(lags)} rows)"
            )


def _measure(database_url: str, endpoint: str, rate: float, count: int, spool: str) -> list[float]:
    lags: list[float] = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        cursor: dict[int, int] = dict(connection.execute("SELECT lane, last_seq FROM ingest_lanes").fetchall())
        service = subprocess.Popen([sys.executable, "-c", SERVICE, endpoint, str(rate), str(count), spool])
        deadline = time.monotonic() + count / rate + _LANDS_WITHIN_S
        while len(lags) < count:
            if time.monotonic() > deadline:
                sys.exit(f"{len(lags)} of {count} rows")
            time.sleep(_POLL_S)
            lanes = connection.execute("SELECT lane, last_seq FROM ingest_lanes").fetchall()
            for lane, last in lanes:
                if last > cursor.get(lane, 0):
                    rows = connection.execute(
                        'SELECT extract(epoch FROM "timestamp")::float8 FROM user_activity_logs'
                        " WHERE lane = %s AND lane_seq > %s AND lane_seq <= %s",
                        [lane, cursor.get(lane, 0), last],
                    ).fetchall()
                    seen = time.time()
                    lags += [seen - started for (started,) in rows]
                    cursor[lane] = last
        service.wait()
    return lags


if __name__ == "__main__":
    main()
