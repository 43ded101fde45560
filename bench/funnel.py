"""How long funnels, cohorts and paths take over a past of millions of rows.

    python -m bench.funnel [--millions 10] [--days 90] [--rounds 7] [--database-url URL]

Rows are those of `prelude demo seed`, in a database of its own that is deleted at the end; with --database-url one that has been filled, and
whose timeline is built. Each question is asked of the service's own functions, as the API asks them: warm, one after the other, and split into
reading (from the database) and counting. Nothing else should run beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from bench.database import fresh_database
from prelude_analytics.answers.cohorts import cohorts, first_moments, returned
from prelude_analytics.answers.flows import flows_of, levels
from prelude_analytics.answers.funnel import Order, best_attempts, counted
from prelude_analytics.answers.lives import Lives, merged
from prelude_analytics.answers.paths import follow
from prelude_analytics.database import Database
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.settings import Settings
from prelude_analytics.timeline.load import Timeline
from prelude_analytics.timeline.memory import Memory
from prelude_analytics.timeline.periods import periods
from prelude_analytics.timeline.picking import Wanted
from prelude_store.timeline.build import build_all
from prelude_store.timeline.moments import microseconds

_STEPS = [
    Wanted((("crm", "view_customer"),)),
    Wanted((("crm", "view_deal"),)),
    Wanted((("crm", "update_deal"),)),
    Wanted((("crm", "send_email"),)),
]
_DAY = timedelta(days=1)
_WINDOW_US = 14 * 86_400_000_000
_MEMORY = 256 * 1024 * 1024
"""Bytes: the half of `prelude analytics --memory` that is the timeline's, by default."""

Timed = tuple[float, float, str]
"""Seconds of reading, seconds of counting, and what came out."""


async def _funnel(timeline: Timeline, order: Order) -> Timed:
    began = time.perf_counter()
    hits = await timeline.hits(_STEPS, strict=order == "strict")
    lives = Lives(await timeline.runs()) if order == "strict" else None
    read = time.perf_counter()
    best = best_attempts(hits, merged([]), _WINDOW_US, order, lives)
    users = [step.users for step in counted(best, len(_STEPS))]
    rows = sum(len(step) for step in hits)
    return read - began, time.perf_counter() - read, f"{rows:,} rows are steps, users {users}"


async def _cohorts(timeline: Timeline) -> Timed:
    began = time.perf_counter()
    _, edges = periods(timeline.range, "week")
    moments = await timeline.moments(edges)
    known = await timeline.seen_before(np.unique(moments.users))
    read = time.perf_counter()
    asked = edges, microseconds(timeline.range.to), None
    table = cohorts(returned(first_moments(moments, known), moments, *asked), *asked)
    return read - began, time.perf_counter() - read, f"{sum(one.users for one in table)} users in {len(table)} weeks"


async def _paths(timeline: Timeline) -> Timed:
    began = time.perf_counter()
    sequences = await timeline.sequences()
    read = time.perf_counter()
    names = {number: f"{kind}.{name}" for number, (kind, name) in timeline.actions.items()}
    paths = follow(sequences, 1800, 3, None)
    levels(flows_of(paths), 8, names)
    return read - began, time.perf_counter() - read, f"{paths.visits:,} visits"


async def _ordered(timeline: Timeline) -> Timed:
    return await _funnel(timeline, "ordered")


async def _strict(timeline: Timeline) -> Timed:
    return await _funnel(timeline, "strict")


async def _any(timeline: Timeline) -> Timed:
    return await _funnel(timeline, "any")


_QUESTIONS: dict[str, Callable[[Timeline], Awaitable[Timed]]] = {
    "funnel of 4 steps, ordered": _ordered,
    "funnel of 4 steps, strict": _strict,
    "funnel of 4 steps, any order": _any,
    "cohorts by week": _cohorts,
    "paths of 4 steps": _paths,
}


async def _measure(url: str, days: list[int], rounds: int) -> None:
    database = await Database.open(Settings(database_url=url, statement_timeout=60.0))
    try:
        for name, question in _QUESTIONS.items():
            for length in days:
                await _measured(database, name, question, length, rounds)
    finally:
        await database.close()


async def _measured(
    database: Database, name: str, question: Callable[[Timeline], Awaitable[Timed]], days: int, rounds: int
) -> None:
    to = datetime.now(UTC)
    asked = Range((to - (days - 1) * _DAY).replace(hour=0, minute=0, second=0, microsecond=0), to, ZoneInfo("UTC"))
    found, wholes, memory = [], [], Memory(_MEMORY)
    for number in range(rounds + 1):
        began = time.perf_counter()
        async with database.read() as connection:
            timeline = await Timeline.open(connection, asked, Filters(), to - _DAY, memory=memory)
            timed = await question(timeline)
        if number:  # the first one warms
            found.append(timed)
            wholes.append(time.perf_counter() - began)
    reading = statistics.median(timed[0] for timed in found) * 1000
    counting = statistics.median(timed[1] for timed in found) * 1000
    print(
        f"{name:<30} {days:>3} days  p50 {statistics.median(wholes) * 1000:>6.0f} ms  worst {max(wholes) * 1000:>6.0f} ms"
        f"  reading {reading:>5.0f}  counting {counting:>5.0f}  ({found[-1][2]})"
    )


def _filled(url: str, millions: float, days: int) -> None:
    command = ["-m", "prelude_cli", "demo", "seed", "--rows", str(int(millions * 1_000_000)), "--days", str(days)]
    subprocess.run([sys.executable, *command, "--database-url", url], check=True)
    began = time.monotonic()
    rows = build_all(url)
    print(f"timeline of {rows:,} rows built in {time.monotonic() - began:.0f} s")


def main() -> None:
    """Fill a database unless one is given, ask, and print one line for each question and range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database-url", help="a database that is filled, and its timeline built")
    given = parser.parse_args()
    lengths = sorted({7, 30, given.days})
    if given.database_url:
        asyncio.run(_measure(given.database_url, lengths, given.rounds))
        return
    with fresh_database(shared_buffers="1GB") as (url, _):
        _filled(url, given.millions, given.days)
        asyncio.run(_measure(url, lengths, given.rounds))


if __name__ == "__main__":
    main()
