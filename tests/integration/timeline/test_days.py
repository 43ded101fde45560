"""Days of the timeline: what they hold, and that they learn of every change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import psycopg
import pytest

from prelude_store.connection import Connection, connect
from prelude_store.row import ActivityRow
from prelude_store.timeline.build import build_all, build_days
from prelude_store.timeline.columns import STATUSES, widened
from prelude_store.timeline.follow import follow
from prelude_store.timeline.moments import microseconds
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)
NOON = microseconds(datetime(2026, 3, 2, 12, tzinfo=UTC))
DAY = 86_400_000_000


@pytest.fixture
def keeper(database: str) -> Iterator[Connection]:
    with connect(as_role(database, "keeper"), "test") as connection:
        yield connection


@pytest.fixture
def reader(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(as_role(database, "reader"), autocommit=True) as connection:
        yield connection


def row(at: int, **changes: Any) -> ActivityRow:
    return make_row(timestamp_us=at, **changes)


def states(reader: psycopg.Connection[Any]) -> dict[date, tuple[bool, int]]:
    """For each day: whether it is dirty, and how many rows it holds."""
    found = reader.execute("SELECT day, dirty, row_count FROM timeline_days").fetchall()
    return {day: (dirty, count) for day, dirty, count in found}


def told(reader: psycopg.Connection[Any], day: date) -> list[tuple[str, str, int, str, str | None]]:
    """A day's rows in its order: user, action, time, status, service."""
    with reader.cursor(binary=True) as cursor:
        stored = cursor.execute(
            "SELECT row_count, users, counts, actions, times, statuses, services FROM timeline_days WHERE day = %s",
            [day],
        ).fetchone()
    assert stored is not None
    count, users, counts, actions, times, statuses, services = stored
    names = dict(reader.execute("SELECT id, user_email FROM timeline_users").fetchall())
    acts = dict(reader.execute("SELECT id, action_name FROM timeline_actions").fetchall())
    hosts = dict(reader.execute("SELECT id, service_name FROM timeline_services").fetchall())
    everybody = np.repeat(np.frombuffer(users, "<i4"), np.frombuffer(counts, "<i4")).tolist()
    columns = zip(
        everybody,
        widened(actions, count).tolist(),
        np.frombuffer(times, "<i8").tolist(),
        np.frombuffer(statuses, "<u1").tolist(),
        widened(services, count).tolist(),
        strict=True,
    )
    return [(names[user], acts[act], at, STATUSES[status], hosts.get(host)) for user, act, at, status, host in columns]


def test_a_day_holds_its_rows_user_by_user_in_the_order_of_life(
    writer: Writer, keeper: Connection, reader: psycopg.Connection[Any]
) -> None:
    writer.write(Batch(rows=[row(NOON, user_email="b@c.d", action_name="second", result_status="error")]))
    writer.write(
        Batch(
            rows=[
                row(NOON - 1, user_email="b@c.d", action_name="first", service_name=None),
                row(NOON, user_email="b@c.d", action_name="third"),
                row(NOON, user_email=None),
                row(NOON + DAY, user_email="b@c.d"),
            ]
        )
    )
    assert build_days(keeper, [MONDAY]) == 3
    assert told(reader, MONDAY) == [
        ("b@c.d", "first", NOON - 1, "success", None),
        ("b@c.d", "second", NOON, "error", "crm-service"),
        ("b@c.d", "third", NOON, "success", "crm-service"),
    ]


def test_a_pending_row_that_was_completed_is_not_in_its_day_and_the_completion_marks_that_day(
    writer: Writer, keeper: Connection, reader: psycopg.Connection[Any]
) -> None:
    pending = row(NOON, result_status="pending")
    writer.write(Batch(rows=[pending, row(NOON + 5)]))
    while tend(keeper):
        pass
    assert states(reader) == {MONDAY: (False, 2)}
    writer.write(Batch(rows=[row(NOON + DAY, completes_event_id=pending.event_id)]))
    assert not follow(keeper)
    assert states(reader) == {MONDAY: (True, 2), TUESDAY: (True, 0)}
    build_days(keeper, [MONDAY, TUESDAY])
    assert states(reader) == {MONDAY: (False, 1), TUESDAY: (False, 1)}


def test_a_day_whose_only_row_was_ended_elsewhere_is_empty(
    writer: Writer, keeper: Connection, reader: psycopg.Connection[Any]
) -> None:
    pending = row(NOON, result_status="pending")
    writer.write(Batch(rows=[pending]))
    while tend(keeper):
        pass
    writer.write(Batch(rows=[row(NOON + DAY, completes_event_id=pending.event_id)]))
    follow(keeper)
    assert build_days(keeper, [MONDAY, TUESDAY]) == 1
    assert states(reader) == {MONDAY: (False, 0), TUESDAY: (False, 1)}


def test_a_late_row_marks_its_day_and_a_row_of_nobody_marks_none(
    writer: Writer, keeper: Connection, reader: psycopg.Connection[Any]
) -> None:
    writer.write(Batch(rows=[row(NOON), row(NOON + DAY)]))
    while tend(keeper):
        pass
    writer.write(Batch(rows=[row(NOON + 1), row(NOON + DAY, user_email=None)]))
    assert follow(keeper, portion=1)
    assert not follow(keeper, portion=10)
    assert states(reader) == {MONDAY: (True, 1), TUESDAY: (False, 1)}


def test_a_day_that_goes_on_changing_is_not_made_anew_at_once(
    writer: Writer, keeper: Connection, reader: psycopg.Connection[Any], database: str
) -> None:
    for count in range(2):
        writer.write(Batch(rows=[row(NOON + count)]))
        while tend(keeper):
            pass
    assert states(reader) == {MONDAY: (True, 1)}
    with psycopg.connect(database, autocommit=True) as superuser:
        superuser.execute("UPDATE timeline_days SET built_at = built_at - interval '11 seconds'")
    tend(keeper)
    assert states(reader) == {MONDAY: (False, 2)}


def test_all_days_are_made_anew_in_one_go(writer: Writer, reader: psycopg.Connection[Any], database: str) -> None:
    pending = row(NOON, result_status="pending")
    writer.write(Batch(rows=[pending, row(NOON + 1), row(NOON + DAY, completes_event_id=pending.event_id)]))
    done: list[tuple[int, int]] = []
    assert build_all(as_role(database, "keeper"), lambda days, of: done.append((days, of))) == 2
    assert done == [(1, 2), (2, 2)]
    with connect(as_role(database, "keeper"), "test") as keeper:
        assert not follow(keeper)
    assert states(reader) == {MONDAY: (False, 1), TUESDAY: (False, 1)}
