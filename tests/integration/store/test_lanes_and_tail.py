"""A lane belongs to one live writer; its numbers commit in order; a reader behind a cursor misses nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import psycopg

from prelude_store import tail
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row

Connection = psycopg.Connection[tuple[Any, ...]]


def lanes(superuser: Connection) -> dict[int, int]:
    return dict(superuser.execute("SELECT lane, last_seq FROM ingest_lanes").fetchall())


def test_live_writers_never_share_a_lane_and_a_closed_ones_is_used_again(database: str, superuser: Connection) -> None:
    writers = [Writer(as_role(database, "writer")) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Writer.connect, writers))
    assert sorted(writer._lane for writer in writers) == [1, 2, 3, 4]
    free = writers[1]._lane
    writers[1].close()
    # Of this database alone: locks of others on the same server are none of ours.
    taken = (
        "SELECT 1 FROM pg_locks JOIN pg_database AS known ON known.oid = database"
        " WHERE locktype = 'advisory' AND objid = %s AND datname = current_database()"
    )
    while superuser.execute(taken, [free]).fetchone():
        time.sleep(0.01)
    newcomer = Writer(as_role(database, "writer"))
    newcomer.connect()
    assert newcomer._lane == free
    for writer in (*writers, newcomer):
        writer.close()
    assert len(lanes(superuser)) == 4


def test_numbers_of_a_lane_go_on_after_a_failed_batch(writer: Writer, superuser: Connection) -> None:
    row = make_row()
    writer.write(Batch(rows=[row, make_row()]))
    writer.write(Batch(rows=[row]))
    writer.write(Batch(rows=[make_row()]))
    numbers = [seq for (seq,) in superuser.execute("SELECT lane_seq FROM user_activity_logs ORDER BY 1")]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= lanes(superuser)[1]


def test_a_reader_behind_its_cursor_sees_every_row_once_while_writers_write(database: str) -> None:
    batches, size, count = 15, 7, 3
    done = Event()
    seen: list[str] = []

    def write(_: int) -> list[str]:
        writer = Writer(as_role(database, "writer"))
        written = []
        for _round in range(batches):
            rows = [make_row() for _ in range(size)]
            writer.write(Batch(rows=rows))
            written += [row.event_id for row in rows]
        writer.close()
        return written

    def read() -> None:
        with psycopg.connect(as_role(database, "reader"), autocommit=True) as connection:
            cursor: tail.Cursor = {}
            while True:
                finished = done.is_set()
                changes, cursor = tail.poll(connection, cursor)
                seen.extend(change.values["event_id"] for change in changes)
                if finished and not changes:
                    return

    with ThreadPoolExecutor(count + 1) as pool:
        reading = pool.submit(read)
        written = [event for events in pool.map(write, range(count)) for event in events]
        done.set()
        reading.result()
    assert len(seen) == len(set(seen))
    assert set(seen) == set(written)


def test_the_tail_starts_now_and_tells_rows_and_amendments_in_order(writer: Writer, database: str) -> None:
    writer.write(Batch(rows=[make_row()]))
    with psycopg.connect(as_role(database, "reader"), autocommit=True) as connection:
        cursor = tail.cursor_now(connection)
        assert tail.poll(connection, cursor) == ([], cursor)
        row = waiting_row()
        assert row.trace_id is not None
        assert row.span_id is not None
        writer.write(Batch(rows=[row]))
        changes, cursor = tail.poll(connection, cursor)
        assert [(change.kind, change.values["event_id"]) for change in changes] == [("row", row.event_id)]
        late = make_row()
        writer.write(Batch(rows=[late], spans=[SpanLength(row.trace_id, row.span_id, 5_000_000)]))
        changes, cursor = tail.poll(connection, cursor)
        told = [(change.kind, change.values["event_id"], change.values["duration_ms"]) for change in changes]
        assert told == [("row", late.event_id, 12), ("amendment", row.event_id, 5)]
        assert tail.poll(connection, cursor) == ([], cursor)


def test_a_long_backlog_is_told_in_portions_without_a_gap(writer: Writer, database: str) -> None:
    rows = [make_row() for _ in range(2500)]
    writer.write(Batch(rows=rows))
    with psycopg.connect(as_role(database, "reader"), autocommit=True) as connection:
        cursor: tail.Cursor = {}
        seen: list[str] = []
        portions = 0
        while True:
            changes, cursor = tail.poll(connection, cursor)
            if not changes:
                break
            portions += 1
            seen += [change.values["event_id"] for change in changes]
    assert portions == 3
    assert sorted(seen) == sorted(row.event_id for row in rows)
