"""A partition is exchanged while rows land in it: none is lost, none comes twice, and no length and no change of theirs either."""

from __future__ import annotations

import threading

import psycopg
import pytest

from prelude_otel.errors import StoreError
from prelude_store.erasure import rewrite as rewriting
from prelude_store.erasure.rewrite import rewrite
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.integration.erasure.conftest import Erase
from tests.support.dump import Superuser
from tests.support.people import ADA, BOB
from tests.support.rows import make_row, now_us, waiting_row


def partition(superuser: Superuser) -> str:
    row = superuser.execute("SELECT max(tableoid::regclass::text) FROM user_activity_logs").fetchone()
    assert row is not None
    return str(row[0]).removeprefix("public.")


def test_rows_land_meanwhile(writer: Writer, second_writer: Writer, erase: Erase, superuser: Superuser) -> None:
    at = now_us() - 1_000_000
    writer.write(Batch(rows=[make_row(user_email=BOB, timestamp_us=at + n) for n in range(3000)]))
    waiting = [waiting_row(user_email=BOB, timestamp_us=at + 5000 + n) for n in range(400)]
    writer.write(Batch(rows=waiting))
    sent: list[str] = []
    errors: list[Exception] = []
    stop = threading.Event()

    def write() -> None:
        try:
            while not stop.is_set():
                row = make_row(user_email=ADA, timestamp_us=at)
                spans = [
                    SpanLength(str(one.trace_id), str(one.span_id), 7_000_000)
                    for one in (waiting.pop() for _ in range(min(5, len(waiting))))
                ]
                second_writer.write(Batch(rows=[row], spans=spans))
                sent.append(row.event_id)
        except Exception as error:  # noqa: BLE001 (told below)
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            rewrite(superuser, partition(superuser))
    finally:
        stop.set()
        thread.join(60)
    assert errors == []
    found = superuser.execute("SELECT count(*), count(DISTINCT event_id) FROM user_activity_logs").fetchone()
    assert found == (3400 + len(sent),) * 2
    completed = superuser.execute("SELECT count(*) FROM user_activity_logs WHERE duration_ms = 7").fetchone()
    assert completed == (400 - len(waiting),)
    erase(ADA)
    rewrite(superuser, partition(superuser))
    assert superuser.execute("SELECT count(*) FROM user_activity_logs WHERE user_email = %s", [ADA]).fetchone() == (0,)


def test_the_copy_has_the_indexes_the_checks_and_the_owner_of_the_original(
    writer: Writer, superuser: Superuser
) -> None:
    writer.write(Batch(rows=[make_row()]))
    name = partition(superuser)
    asked = (
        "SELECT relowner, relacl, relkind, (SELECT array_agg(pg_get_constraintdef(oid) ORDER BY pg_get_constraintdef(oid)) FROM pg_constraint WHERE conrelid = pg_class.oid"
        " AND contype <> 'n'), (SELECT count(*) FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid WHERE indrelid = pg_class.oid)"
        " FROM pg_class WHERE relname = %s"
    )
    before = superuser.execute(asked, [name]).fetchall()
    rewrite(superuser, name)
    assert superuser.execute(asked, [name]).fetchall() == before
    beside = "SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_new' OR relname LIKE '%\\_gone'"
    assert superuser.execute(beside).fetchone() == (0,)


def test_what_an_exchange_left_that_was_killed_goes_with_the_next(writer: Writer, superuser: Superuser) -> None:
    writer.write(Batch(rows=[make_row()]))
    name = partition(superuser)
    superuser.execute(f"CREATE TABLE {name}_gone (x text)".encode())
    superuser.execute(f"CREATE TABLE {name}_new (x text)".encode())
    rewrite(superuser, name)
    assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchone() == (1,)
    assert superuser.execute("SELECT to_regclass(%s), to_regclass(%s)", [f"{name}_gone", f"{name}_new"]).fetchone() == (
        None,
        None,
    )


def test_a_table_that_is_in_use_all_the_time_is_left_as_it_is(
    database: str, writer: Writer, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(Batch(rows=[make_row()]))
    monkeypatch.setattr(rewriting, "_TRIES", 3)
    with psycopg.connect(database) as reader:
        reader.execute("SELECT * FROM user_activity_logs")  # and goes on reading
        with pytest.raises(StoreError, match="in use all the time"):
            rewrite(superuser, partition(superuser))
    assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchone() == (1,)
    assert superuser.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_new'").fetchone() == (0,)
