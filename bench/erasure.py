"""How long a person's data take to hand out and to erase, and how long a writer waits meanwhile.

    python -m bench.erasure [--person 1000000] [--rows 10000000] [--days 90] [--dry-run] [--no-scrub] [--folder DIR [--fill]]

A log of `--rows` activities over `--days`, of which `--person` are one person's and a thousandth of the others' name that person. Beside each
step a writer writes a row every 20 ms. Of each step: seconds; rows of the person a second; peak memory of the process (that of the export is to be the same for
any number of rows); what the writer waited, ``usual`` the median and the three longest with the second of the step in which they began; of an erasure, the
second in which it began with what others said of the person (``named``), and with counts and sessions (``beside``). Rows are made by the
server, indexed as they are in earnest, and counted by the keeper's rebuild. `--folder --fill` leaves them in DIR for a run with the same numbers, which uses them up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg

from bench.database import fresh_database, kept_database
from prelude_store import partitions
from prelude_store.seed.build import build
from prelude_store.writer import Batch, Writer
from tests.support.rows import make_row

ADA = "ada.lovelace@analytical-engine.example"
_AT_ONCE = 100_000
_SIDE_BY_SIDE = 2
_COMMAND = [sys.executable, "-c", "from prelude_store.command import command; command()"]
_FILL = """
INSERT INTO user_activity_logs (event_id, "timestamp", user_email, session_id, action_type, action_name, entity_type, entity_id, page_url,
    page_route, service_name, user_agent, ip_address, action_data, result_status, duration_ms, content_hash, lane, lane_seq)
SELECT gen_random_uuid(), %(starts)s::timestamptz + n * %(step)s::interval,
    CASE WHEN n %% %(share)s = 0 THEN %(ada)s ELSE 'user' || n %% 5000 || '@company.com' END,
    CASE WHEN n %% %(share)s = 0 THEN 'ada-' || n / 500 ELSE n %% 5000 || '-' || n / 250000 END,
    'crm', CASE n %% 3 WHEN 0 THEN 'send_email' WHEN 1 THEN 'view_customer' ELSE 'create_deal' END, 'deal', (n %% 9999)::text,
    '/crm/deals/' || n %% 9999, '/crm/deals/{id}', 'crm-service', 'Mozilla/5.0 (X11; Linux x86_64)', '203.0.113.' || n %% 250,
    CASE n %% 3 WHEN 0 THEN jsonb_build_object('to_email', CASE WHEN n %% 997 = 0 THEN %(ada)s ELSE 'c' || n %% 70000 || '@y.org' END,
        'subject', 'About deal ' || n, 'method', 'smtp') WHEN 1 THEN jsonb_build_object('customer_id', n %% 3000)
        ELSE jsonb_build_object('value_usd', n %% 90000, 'deal_name', 'Deal ' || n) END,
    CASE WHEN n %% 20 = 0 THEN 'error' ELSE 'success' END, (n %% 900)::int, decode(md5(n::text), 'hex'), 1, n
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
_INDEXES = """
SELECT indexrelid::regclass::text, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index
WHERE indrelid = 'user_activity_logs'::regclass AND NOT indisprimary
"""


def main() -> None:
    """Measure, and print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--person", type=int, default=1_000_000, help="rows of the person")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows in all")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--dry-run", action="store_true", help="measure what only says how much is held, too")
    parser.add_argument("--no-scrub", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the database is kept")
    parser.add_argument("--fill", action="store_true", help="only fill the database in --folder")
    given = parser.parse_args()
    memory = "512MB"
    opened = (
        kept_database(given.folder, maintenance_work_mem=memory)
        if given.folder
        else fresh_database(maintenance_work_mem=memory)
    )
    with opened as (url, folder):
        note, numbers = folder / "filled.json", [given.person, given.rows, given.days]
        if not note.exists():
            _fill(url, given)
            note.write_text(json.dumps(numbers), "utf-8")
        elif json.loads(note.read_text("utf-8")) != numbers:
            raise SystemExit(f"{note.parent} was filled with other numbers: {note.read_text('utf-8')}")
        if not given.fill:
            note.unlink()
            _measure(url, folder, given)


def _measure(url: str, folder: Path, given: argparse.Namespace) -> None:
    steps = [("export", ["export", "--out", str(folder / "ada.zip")])]
    if given.dry_run:
        steps += [("erase --dry-run", ["erase", "--dry-run"])]
    steps += [("erase", ["erase", "--receipt", str(folder / "one.json")])]
    if not given.no_scrub:
        steps += [("scrub behind it", ["erase", "--scrub", "--receipt", str(folder / "two.json")])]
    for name, words in steps:
        with _writing(url) as waits, _watching(url) as steps_began:
            seconds, peak = _run([*words, "--user", ADA, "--database-url", url])
        size = f", {(folder / 'ada.zip').stat().st_size / 1e6:,.0f} MB" if name == "export" else ""
        longest = ", ".join(
            f"{wait.seconds * 1000:,.0f} ms at {wait.at:,.1f} s"
            for wait in sorted(waits, key=lambda one: -one.seconds)[:3]
        )
        usual = statistics.median(wait.seconds for wait in waits) * 1000
        print(
            f"{name:<16} {seconds:7.1f} s{size}; {given.person / seconds:9,.0f} rows/s, {seconds / given.person * 1e6:6.1f} µs a row; peak"
            f" {peak / 1e6:,.0f} MB; {len(waits):,} writes, usual {usual:.1f} ms, longest {longest}"
            + "".join(f"; {step} at {at:,.0f} s" for step, at in steps_began.items()),
            flush=True,
        )


class _Wait(NamedTuple):
    """What one write took, in seconds, and when in its step it began."""

    at: float
    seconds: float


def _run(words: list[str]) -> tuple[float, int]:
    """Seconds that the command took, and bytes that it held at its peak."""
    began = time.monotonic()
    with subprocess.Popen([*_COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    if process.returncode and "nothing is held" not in said:
        raise SystemExit(said[-2000:])
    return seconds, used.ru_maxrss * 1024


def _fill(url: str, given: argparse.Namespace) -> None:
    starts = datetime.now(UTC) - timedelta(days=given.days)
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        for day in range(given.days + 1):
            moment = starts + timedelta(days=day)
            partitions.ensure(connection, [partitions.week_of(int(moment.timestamp() * 1_000_000))])
        # Made of all rows at once, an index takes a fifth of the time.
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())

        def insert(first: int) -> None:
            values = {
                "share": max(given.rows // given.person, 1), "ada": ADA, "first": first, "last": min(first + _AT_ONCE - 1, given.rows),
                "starts": starts, "step": timedelta(days=given.days) / given.rows,
            }  # fmt: skip
            with psycopg.connect(url, autocommit=True) as inserting:
                inserting.execute(_FILL, values)

        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            list(pool.map(insert, range(1, given.rows + 1, _AT_ONCE)))
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute("INSERT INTO ingest_lanes (lane, last_seq) VALUES (1, %s)", [given.rows])
        connection.execute("CHECKPOINT")
    print(f"written in {time.monotonic() - began:,.0f} s", flush=True)
    build(url)
    print(f"and counted in {time.monotonic() - began:,.0f} s", flush=True)


@contextmanager
def _writing(url: str) -> Iterator[list[_Wait]]:
    """A writer beside what is inside, and what each of its writes took."""
    waits = [_Wait(0.0, 0.0)]

    def write(stop: threading.Event) -> None:
        writer = Writer(url)
        while not stop.wait(0.02):
            began = time.monotonic()
            writer.write(Batch(rows=[make_row(user_email="busy@company.com")]))
            waits.append(_Wait(began - started, time.monotonic() - began))
        writer.close()

    first = Writer(url)
    first.write(Batch(rows=[make_row()]))  # the partition and the plan are there before it counts
    first.close()
    started = time.monotonic()
    with _beside(write):
        yield waits


@contextmanager
def _watching(url: str) -> Iterator[dict[str, float]]:
    """When the erasure that runs inside began with each of its steps, in seconds."""
    began: dict[str, float] = {}
    started = time.monotonic()

    def watch(stop: threading.Event) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(0.25):
                for (step,) in connection.execute("SELECT step FROM erasure_runs WHERE finished_at IS NULL"):
                    began.setdefault(step, time.monotonic() - started)

    with _beside(watch):
        yield began


@contextmanager
def _beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """`work` goes on in a thread beside what is inside, until the event that it is given is set."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()
