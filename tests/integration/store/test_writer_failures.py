"""The database goes away, stands in the way, or is not as it must be: nothing is lost, nothing comes twice, no password is told."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from prelude_otel.errors import SchemaError, StoreUnavailableError
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer, WriteResult
from tests.support.postgres import as_role
from tests.support.rows import make_row, waiting_row

Connection = psycopg.Connection[tuple[Any, ...]]


def _terminate_writers(superuser: Connection) -> None:
    superuser.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'prelude-exporter' AND datname = current_database()"
    )


def test_a_lost_connection_is_said_once_and_the_same_batch_goes_through_after_it(
    writer: Writer, superuser: Connection
) -> None:
    writer.write(Batch(rows=[make_row()]))
    _terminate_writers(superuser)
    batch = Batch(rows=[make_row()])
    with pytest.raises(StoreUnavailableError):
        writer.write(batch)
    assert writer.write(batch) == WriteResult(inserted=1)
    assert superuser.execute("SELECT count(*) FROM user_activity_logs").fetchall() == [(2,)]


def test_nobody_there_is_unavailable_and_names_no_password() -> None:
    writer = Writer("postgresql://exporter:hunter2@127.0.0.1:1/prelude")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError) as caught:
            writer.write(Batch(rows=[make_row()]))
        assert "127.0.0.1:1" in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_a_wrong_schema_is_an_error_at_start_and_unavailable_while_running(
    database: str, superuser: Connection
) -> None:
    writer = Writer(as_role(database, "writer"))
    superuser.execute("INSERT INTO prelude_migrations (version, name) VALUES (9999, 'future')")
    with pytest.raises(SchemaError, match="upgrade"):
        writer.connect()
    with pytest.raises(StoreUnavailableError, match="upgrade"):
        writer.write(Batch(rows=[make_row()]))


def test_a_missing_right_is_unavailable_and_mends_itself_when_granted(
    writer: Writer, superuser: Connection, database: str
) -> None:
    superuser.execute("REVOKE INSERT ON activity_probes FROM prelude_writer")
    superuser.execute("REVOKE INSERT (event_id) ON user_activity_logs FROM prelude_writer")
    batch = Batch(rows=[make_row()])
    with pytest.raises(StoreUnavailableError, match="42501"):
        writer.write(batch)
    superuser.execute("GRANT INSERT (event_id) ON user_activity_logs TO prelude_writer")
    assert writer.write(batch) == WriteResult(inserted=1)


def test_a_missing_table_is_unavailable(writer: Writer, superuser: Connection) -> None:
    superuser.execute("ALTER TABLE user_activity_logs RENAME TO elsewhere")
    with pytest.raises(StoreUnavailableError, match="42P01"):
        writer.write(Batch(rows=[make_row()]))


def test_a_read_only_database_is_unavailable(writer: Writer, superuser: Connection, database: str) -> None:
    row = superuser.execute("SELECT current_database()").fetchone()
    assert row is not None
    superuser.execute(f'ALTER DATABASE "{row[0]}" SET default_transaction_read_only = on'.encode())
    with pytest.raises(StoreUnavailableError, match="25006"):
        writer.write(Batch(rows=[make_row()]))


def test_a_deadlock_is_tried_again_inside(writer: Writer, superuser: Connection, database: str) -> None:
    """Another session takes the second key, then waits for the first, which the writer holds: the writer is the victim."""
    first, second = "a" * 32, "b" * 32
    rows = [waiting_row(trace_id=trace_id, span_id="1" * 16) for trace_id in (first, second)]
    writer.write(Batch(spans=[SpanLength("0" * 32, "0" * 16, 1)]))  # connected, and in its lane
    insert = "INSERT INTO span_joins (trace_id, span_id) VALUES (%s, %s)"
    holds_second, done = Event(), Event()

    def rival() -> None:
        with psycopg.connect(database) as other:
            other.execute("SET deadlock_timeout = '20s'")
            other.execute(insert, [second, "1" * 16])
            holds_second.set()
            while not _waiting(superuser, "prelude-exporter"):
                time.sleep(0.01)
            other.execute(insert, [first, "1" * 16])
            other.rollback()
        done.set()

    thread = Thread(target=rival)
    thread.start()
    assert holds_second.wait(10)
    assert writer.write(Batch(rows=rows)) == WriteResult(inserted=2)
    thread.join()
    assert done.is_set()


def _waiting(superuser: Connection, application: str) -> bool:
    return bool(
        superuser.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
            " AND datname = current_database()",
            [application],
        ).fetchone()
    )


def test_a_lock_that_is_not_let_go_is_unavailable_before_the_sender_gives_up(
    database: str, superuser: Connection
) -> None:
    writer = Writer(as_role(database, "writer"), statement_timeout=0.4)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE user_activity_logs")
        with pytest.raises(StoreUnavailableError, match=r"55P03|57014"):
            writer.write(Batch(rows=[make_row()]))
    assert writer.write(Batch(rows=[make_row()])) == WriteResult(inserted=1)
    writer.close()


def test_a_commit_waits_for_the_disk_even_where_the_database_would_not(writer: Writer, superuser: Connection) -> None:
    row = superuser.execute("SELECT current_database()").fetchone()
    assert row is not None
    superuser.execute(f'ALTER DATABASE "{row[0]}" SET synchronous_commit = off'.encode())
    writer.connect()
    connection = writer._connection
    assert connection is not None
    assert connection.execute("SHOW synchronous_commit").fetchone() == ("local",)


def test_a_closed_writer_can_be_used_again(writer: Writer) -> None:
    writer.write(Batch(rows=[make_row()]))
    writer.close()
    assert writer.write(Batch(rows=[make_row()])) == WriteResult(inserted=1)
