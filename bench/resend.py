"""What it costs to write the same rows again, against writing them for the first time.

    python -m bench.resend [--rounds 7]

One writer, batches of 3,000 rows as the exporter commits them, embedded PostgreSQL with its default durability. Decoding costs the same
both times and is left out, so these ratios are worse than what a sender sees. ``all``: every row is there already; ``last``: only the
one that comes last by time, so that the first try is lost as late as can be; ``half``: every other one. In these three no resend came
before, and the writer expects none; ``in a row``: all is there already, after other resends; ``new``: nothing is, after a resend.
"""

from __future__ import annotations

import argparse
import statistics
import time

from bench.database import fresh_database
from bench.ingest_load import requests
from prelude_exporter.decoding.decode import Decoder
from prelude_store.batch import Batch
from prelude_store.row import ActivityRow
from prelude_store.writer import Writer

_ROWS = 3_000
_START_NS = time.time_ns() - 3_600_000_000_000


def main() -> None:
    """Measure, and print one line a round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with fresh_database() as (database_url, _):
        writer = Writer(database_url, statement_timeout=60)
        ratios: dict[str, list[float]] = {}
        for number in range(-1, rounds):
            found = _round(writer, number * 20)
            if number < 0:
                continue  # warms caches, plans and partitions
            for name, ratio in found.items():
                ratios.setdefault(name, []).append(ratio)
            print(f"round {number + 1}: " + "   ".join(f"{name} {ratio:.2f}" for name, ratio in found.items()))
        writer.close()
    print("median: " + "   ".join(f"{name} {statistics.median(found):.2f}" for name, found in ratios.items()))


def _round(writer: Writer, seed: int) -> dict[str, float]:
    batches = [_rows(seed + number) for number in range(8)]
    known, last, half, after, *new = batches
    first = [_write(writer, rows, _ROWS) for rows in (known, *new)]
    _write(writer, last[-1:], 1)
    _write(writer, half[::2], _ROWS // 2)
    times = {}
    for name, rows, expected in (("all", known, 0), ("last", last, _ROWS - 1), ("half", half, _ROWS // 2)):
        writer._resends_until = 0.0  # as if the last resend was long ago
        times[name] = _write(writer, rows, expected)
    times["in a row"] = statistics.mean(_write(writer, rows, 0) for rows in new)
    times["new"] = _write(writer, after, _ROWS)
    writer._resends_until = 0.0  # as if the last resend was long ago
    first.append(_write(writer, _rows(seed + 10), _ROWS))
    return {name: took / statistics.median(first) for name, took in times.items()}


def _rows(seed: int) -> list[ActivityRow]:
    (body,) = requests(1, _ROWS, _START_NS, seed)
    return Decoder().logs(body).rows


def _write(writer: Writer, rows: list[ActivityRow], expected: int) -> float:
    begun = time.perf_counter()
    result = writer.write(Batch(rows=rows))
    took = time.perf_counter() - begun
    if result.inserted != expected:
        raise SystemExit(f"{expected} rows should be new, {result.inserted} were")
    return took


if __name__ == "__main__":
    main()
