"""Whether ingest slows down as the log grows: its rate at several numbers of rows present.

    python -m bench.flatness [--sizes 1 10 30] [--rows 50000] [--rounds 5] [--folder DIR]

Rows are made by the server itself, spread over 90 days and their weekly partitions (some 700 bytes each with its index entries: 30 M take
25 GB), then ingest is measured as `bench.ingest` does, against raw COPY into a twin that stays small: the machine's own changes of pace
show in the raw column. All is deleted at the end. Made in --folder (else the system's temporary one).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path

import psycopg

from bench.database import fresh_database
from bench.ingest import _EXPORT, Connection, _round, _twin, exporters
from prelude_store import partitions

_MILLION = 1_000_000
_PORTION = 250_000
_DAYS = 90
# Ids are UUIDv7 of the row's own time, as emitters make them: where they land in an index is part of what is measured.
# Each portion is spread over all of the time, by the golden ratio.
_FILL = """
INSERT INTO user_activity_logs (
    "timestamp", event_id, user_email, session_id, action_type, action_name, action_category, entity_type, entity_id, page_url,
    page_route, service_name, user_agent, ip_address, action_data, result_status, duration_ms, trace_id, span_id, content_hash, lane, lane_seq
)
SELECT
    at,
    (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid,
    'user' || n %% 400 || '@company.com', 'session-' || n %% 20000, 'crm', 'view_deal', 'deal', 'deal', (n %% 60000)::text,
    '/crm/deals/' || n %% 60000, '/crm/deals/{deal_id}', 'crm-service', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', '10.0.0.1',
    jsonb_build_object('customer_id', n %% 20000), 'success', (n %% 300)::int, hash, substr(hash, 1, 16), decode(hash, 'hex'),
    1000000 + (n / 1000000)::int, n
FROM (
    SELECT n, md5(n::text) AS hash, now() - interval '90 days' * (n * 0.6180339887498949::float8 - floor(n * 0.6180339887498949::float8)) AS at
    FROM generate_series(%s::bigint, %s::bigint) AS n
) AS rows
ORDER BY at
"""


def main() -> None:
    """Fill, measure, and print one line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 10, 30], help="millions of rows present")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=8, help="requests in flight")
    parser.add_argument("--order", choices=["sdk", "collector"], default="sdk")
    parser.add_argument("--folder", type=Path, help="with room for it all")
    given = parser.parse_args()
    with (
        fresh_database(given.folder, shared_buffers="512MB") as (database_url, _),
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        _partitions(connection)
        copied_to = _twin(connection)
        present, first = 0, 0.0
        for size in given.sizes:
            wanted = int(size * _MILLION)
            _fill(connection, present, wanted)
            present = max(present, wanted)
            with exporters(database_url, 1) as channels:
                calls = [channel.unary_unary(_EXPORT) for channel in channels]
                rates, raw = [], []
                for number in range(-1, given.rounds):
                    sent, took, copied = _round(connection, calls, copied_to, given, number)
                    if number >= 0:
                        rates.append(sent / took)
                        raw.append(sent / copied)
            rate = statistics.median(rates)
            ratio = statistics.median(mine / theirs for mine, theirs in zip(rates, raw, strict=True))
            first = first or rate
            print(
                f"{size:5g} M rows present: {rate:8,.0f} rows/s ({rate / first:.2f} of the first), raw COPY {statistics.median(raw):8,.0f}, "
                f"ratio {ratio:.2f}",
                flush=True,
            )


def _partitions(connection: Connection) -> None:
    now_us = time.time_ns() // 1000
    day_us = int(timedelta(days=1).total_seconds() * 1_000_000)
    partitions.ensure(connection, sorted({partitions.week_of(now_us - day * day_us) for day in range(_DAYS + 2)}))


def _fill(connection: Connection, present: int, wanted: int) -> None:
    """Rows of the log from the `present`th to the `wanted`th."""
    if wanted <= present:
        return
    begun = time.perf_counter()
    connection.execute("SET synchronous_commit = off")
    for start in range(present, wanted, _PORTION):
        stop = min(start + _PORTION, wanted) - 1
        connection.execute(_FILL, [start, stop])
        print(f"\r{stop / _MILLION:.1f} M rows made", end="", file=sys.stderr, flush=True)
    connection.execute("RESET synchronous_commit")
    connection.execute("VACUUM ANALYZE user_activity_logs")
    connection.execute("CHECKPOINT")
    print(f" in {time.perf_counter() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
