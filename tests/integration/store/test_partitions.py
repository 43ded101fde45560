"""Weeks from Monday to Monday, made ahead, and for late and early rows as they come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from prelude_store import partitions
from prelude_store.writer import Batch, Writer, WriteResult
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

Connection = psycopg.Connection[tuple[Any, ...]]


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def names(connection: Connection) -> list[str]:
    return [
        name
        for (name,) in connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass ORDER BY 1"
        )
    ]


def test_a_partition_is_a_week_from_monday_named_after_it(superuser: Connection) -> None:
    superuser.execute("SET timezone = 'America/New_York'")
    moment = datetime(2025, 3, 9, 23, 59, 59, 999999, tzinfo=UTC)  # a Sunday, when New York's clocks change
    partitions.ensure(superuser, [partitions.week_of(micros(moment))])
    superuser.execute("SET timezone = 'UTC'")
    (bounds,) = superuser.execute(
        "SELECT relname::text, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r'"
    )
    assert bounds == (
        "user_activity_logs_p20250303",
        "FOR VALUES FROM ('2025-03-03 00:00:00+00') TO ('2025-03-10 00:00:00+00')",
    )


@pytest.mark.parametrize("days", range(-30, 31, 3))
def test_program_and_database_agree_on_weeks(superuser: Connection, days: int) -> None:
    moment = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=days, microseconds=-1)
    (monday,) = superuser.execute("SELECT date_trunc('week', %s::timestamptz)", [moment])
    assert partitions.week_of(micros(moment)) == partitions.week_of(micros(monday[0]))
    assert partitions.week_of(micros(monday[0])) - 1 == partitions.week_of(micros(monday[0]) - 1)


def test_partitions_are_made_ahead_once(database: str, superuser: Connection) -> None:
    with psycopg.connect(as_role(database, "writer"), autocommit=True) as connection:
        assert partitions.ensure_ahead(connection, weeks=3) == 4
        assert partitions.ensure_ahead(connection, weeks=3) == 0
    assert len(names(superuser)) == 4


def test_late_and_early_rows_find_their_partition(writer: Writer, superuser: Connection) -> None:
    offsets = [timedelta(days=-3640), timedelta(days=-400), timedelta(), timedelta(hours=23)]
    rows = [make_row(timestamp_us=now_us() + offset // timedelta(microseconds=1)) for offset in offsets]
    assert writer.write(Batch(rows=rows)) == WriteResult(inserted=4)
    assert len(names(superuser)) in (3, 4)


def test_a_partition_that_was_dropped_is_made_again(writer: Writer, superuser: Connection) -> None:
    old = now_us() - 400 * 86_400 * 1_000_000
    writer.write(Batch(rows=[make_row(timestamp_us=old)]))
    (dropped,) = names(superuser)
    superuser.execute(f"DROP TABLE {dropped}".encode())
    assert writer.write(Batch(rows=[make_row(timestamp_us=old)])) == WriteResult(inserted=1)
    assert names(superuser) == [dropped]


def test_a_partition_made_by_several_at_once_is_made_once(database: str, superuser: Connection) -> None:
    weeks = [partitions.week_of(now_us()) + ahead for ahead in range(6)]

    def make(_: int) -> int:
        with psycopg.connect(as_role(database, "writer"), autocommit=True) as connection:
            return partitions.ensure(connection, weeks)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(make, range(4))) == len(weeks)
    assert len(names(superuser)) == len(weeks)


def test_a_new_partition_does_not_wait_for_readers_and_writers(
    writer: Writer, superuser: Connection, database: str
) -> None:
    writer.write(Batch(rows=[make_row()]))
    with psycopg.connect(database) as reader, psycopg.connect(database) as other_writer:
        reader.execute("SELECT count(*) FROM user_activity_logs")
        other_writer.execute("DELETE FROM user_activity_logs")
        superuser.execute("SET lock_timeout = '1s'")
        assert partitions.ensure(superuser, [partitions.week_of(now_us()) + 10]) == 1


def test_a_detached_partition_is_not_quietly_replaced(writer: Writer, superuser: Connection) -> None:
    writer.write(Batch(rows=[make_row()]))
    (name,) = names(superuser)
    superuser.execute(f"ALTER TABLE user_activity_logs DETACH PARTITION {name}".encode())
    with pytest.raises(psycopg.Error, match="is no partition"):
        partitions.ensure(superuser, [partitions.week_of(now_us())])


def test_a_partition_has_the_indexes_and_checks_of_its_table(writer: Writer, superuser: Connection) -> None:
    writer.write(Batch(rows=[make_row()]))
    (name,) = names(superuser)

    def shape(table: str) -> tuple[list[Any], list[Any]]:
        indexes = superuser.execute(
            "SELECT pg_get_indexdef(indexrelid, k, true) FROM pg_index, generate_series(1, indnatts) AS k"
            " WHERE indrelid = %s::regclass ORDER BY 1",
            [table],
        ).fetchall()
        checks = superuser.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c' ORDER BY 1", [table]
        ).fetchall()
        return indexes, checks

    assert shape(name) == shape("user_activity_logs")


@pytest.mark.parametrize("moment", ["1969-12-31", "2200-01-01", "infinity", "-infinity", None])
def test_no_partition_is_made_for_a_time_beyond_reason(superuser: Connection, moment: str | None) -> None:
    with pytest.raises(psycopg.DataError):
        superuser.execute("SELECT prelude_ensure_partition(%s)", [moment])
