"""How long a person's data take to hand out and to erase, and how long a writer waits meanwhile.

    python -m bench.erasure [--person 1000000] [--rows 10000000] [--days 90] [--no-scrub]

A log of `--rows` activities over `--days`, of which `--person` are one person's and a thousandth of the others' name that person. Beside each
step a writer writes a row every 20 ms; ``longest wait`` is the longest that one of them took, ``usual`` the median, of the same run.
Rows are made by the server, with the indexes that they have in earnest, and counted by the keeper's rebuild.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench.database import fresh_database
from prelude_store import partitions
from prelude_store.rollups.rebuild import rebuild
from prelude_store.timeline.build import build_all
from prelude_store.writer import Batch, Writer
from tests.support.rows import make_row

ADA = "ada.lovelace@analytical-engine.example"
_AT_ONCE = 200_000
_COMMAND = [sys.executable, "-c", "from prelude_store.command import command; command()"]
_FILL = """
INSERT INTO user_activity_logs (event_id, "timestamp", user_email, session_id, action_type, action_name, entity_type, entity_id, page_url,
    page_route, service_name, user_agent, ip_address, action_data, result_status, duration_ms, content_hash, lane, lane_seq)
SELECT gen_random_uuid(), at, CASE WHEN n %% %(share)s = 0 THEN %(ada)s ELSE 'user' || n %% 5000 || '@company.com' END, 'session-' || n / 50,
    'crm', CASE n %% 3 WHEN 0 THEN 'send_email' WHEN 1 THEN 'view_customer' ELSE 'create_deal' END, 'deal', (n %% 9999)::text,
    '/crm/deals/' || n %% 9999, '/crm/deals/{id}', 'crm-service', 'Mozilla/5.0 (X11; Linux x86_64)', '203.0.113.' || n %% 250,
    CASE n %% 3 WHEN 0 THEN jsonb_build_object('to_email', CASE WHEN n %% 997 = 0 THEN %(ada)s ELSE 'c' || n %% 70000 || '@y.org' END,
        'subject', 'About deal ' || n, 'method', 'smtp') WHEN 1 THEN jsonb_build_object('customer_id', n %% 3000)
        ELSE jsonb_build_object('value_usd', n %% 90000, 'deal_name', 'Deal ' || n) END,
    CASE WHEN n %% 20 = 0 THEN 'error' ELSE 'success' END, (n %% 900)::int, decode(md5(n::text), 'hex'), 1, n
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
CROSS JOIN LATERAL (SELECT %(starts)s::timestamptz + n * %(step)s::interval AS at) AS moment ORDER BY at
"""


def main() -> None:
    """Measure, and print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--person", type=int, default=1_000_000, help="rows of the person")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows in all")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--no-scrub", action="store_true")
    given = parser.parse_args()
    with fresh_database() as (url, folder):
        _fill(url, given)
        steps = [("export", ["export", "--out", str(folder / "ada.zip")]), ("erase --dry-run", ["erase", "--dry-run"])]
        steps += [("erase", ["erase", "--receipt", str(folder / "one.json")])]
        if not given.no_scrub:
            steps += [("scrub behind it", ["erase", "--scrub", "--receipt", str(folder / "two.json")])]
        for name, words in steps:
            with _writing(url) as waits:
                began = time.monotonic()
                done = subprocess.run(
                    [*_COMMAND, *words, "--user", ADA, "--database-url", url],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                seconds = time.monotonic() - began
            if done.returncode and "nothing is held" not in done.stderr:
                raise SystemExit(done.stderr[-2000:])
            size = f", {Path(folder / 'ada.zip').stat().st_size / 1e6:,.0f} MB" if name == "export" else ""
            print(
                f"{name:<18} {seconds:8.1f} s{size}; longest wait {max(waits) * 1000:,.0f} ms, usual {statistics.median(waits) * 1000:.1f} ms",
                flush=True,
            )


def _fill(url: str, given: argparse.Namespace) -> None:
    starts = datetime.now(UTC) - timedelta(days=given.days)
    step = timedelta(days=given.days) / given.rows
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        for day in range(given.days + 1):
            moment = starts + timedelta(days=day)
            partitions.ensure(connection, [partitions.week_of(int(moment.timestamp() * 1_000_000))])
        for first in range(1, given.rows + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, given.rows)
            values = {
                "share": max(given.rows // given.person, 1),
                "ada": ADA,
                "first": first,
                "last": last,
                "starts": starts,
                "step": step,
            }
            connection.execute(_FILL, values)
        connection.execute("INSERT INTO ingest_lanes (lane, last_seq) VALUES (1, %s)", [given.rows])
        connection.execute("VACUUM ANALYZE user_activity_logs")
    rebuild(url)
    build_all(url)
    print(f"filled in {time.monotonic() - began:,.0f} s", flush=True)


@contextmanager
def _writing(url: str) -> Iterator[list[float]]:
    """A writer beside what is inside; what each write took, in seconds."""
    stop, waits = threading.Event(), [0.0]

    def write() -> None:
        writer = Writer(url)
        while not stop.wait(0.02):
            began = time.monotonic()
            writer.write(Batch(rows=[make_row(user_email="busy@company.com")]))
            waits.append(time.monotonic() - began)
        writer.close()

    def _first() -> Any:
        return Writer(url).write(Batch(rows=[make_row()]))  # the partition and the plan are there before it counts

    _first()
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()
