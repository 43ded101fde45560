"""A log that is being sealed while it is written: writers, and whether all is under a signature."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

import psycopg

from prelude_store.row import SpanLength
from prelude_store.seals.notes import Checkpoint, VerifierKey
from prelude_store.seals.sealer import connected
from prelude_store.seals.verify import Verified, verify
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row

_SEALED_ALL = """
SELECT bool_and(coalesce(seq, 0) = last_seq) AND (SELECT size FROM seal_state) = (SELECT max(size) FROM seal_checkpoints)
FROM ingest_lanes LEFT JOIN seal_cursors USING (lane)
"""


def write(url: str, batches: int, rows: int) -> None:
    """Batches of so many rows and one more, whose length comes later: rows + 2 leaves each."""
    with closing(Writer(as_role(url, "writer"))) as writer:
        for _ in range(batches):
            late = waiting_row()
            writer.write(Batch(rows=[late, *(make_row() for _ in range(rows))]))
            writer.write(Batch(spans=[SpanLength(late.trace_id or "", late.span_id or "", 5_000_000)]))


def sealed_all(url: str) -> bool:
    """Whether all that is committed is sealed, and under a signature."""
    with psycopg.connect(url) as connection:
        row = connection.execute(_SEALED_ALL).fetchone()
    return bool(row and row[0])


def until_sealed(url: str) -> None:
    """Wait for that."""
    while not sealed_all(url):
        time.sleep(0.05)


def looked(url: str, outside: Sequence[Checkpoint] = (), trusted: Sequence[VerifierKey] = ()) -> Verified:
    """`prelude store verify`."""
    with connected(as_role(url, "sealer"), "test") as connection:
        return verify(connection, outside, trusted)
