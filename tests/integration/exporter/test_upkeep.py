"""What the exporter does on its own: partitions ahead, and joins that waited too long let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest

from prelude_exporter.settings import Settings
from prelude_exporter.upkeep import maintain
from prelude_exporter.watch.metrics import Metrics
from prelude_exporter.watch.readiness import Readiness
from tests.integration.exporter.conftest import TRACES, Exporter, activity, eventually, logs, span_of, traces
from tests.support.postgres import as_role

Query = Callable[..., list[tuple[Any, ...]]]
Start = Callable[..., Exporter]

PARTITIONS = """
SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'user_activity_logs'::regclass ORDER BY relname
"""


@contextmanager
def upkeep(database: str, span_window: timedelta = timedelta(hours=24)) -> Iterator[Callable[[], float]]:
    """The exporter's upkeep, ten times a second, with a writer's rights; gives what it has counted as expired."""
    settings = Settings(database_url=as_role(database, "writer"), span_window=span_window, maintenance=0.1)
    metrics = Metrics(Readiness())
    loop = asyncio.new_event_loop()
    task = loop.create_task(maintain(settings, metrics))
    thread = Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    try:
        yield lambda: metrics.registry.get_sample_value("prelude_exporter_joins_expired_total") or 0
        assert not task.done(), "upkeep ends with the exporter alone"
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def test_partitions_are_made_ahead_while_it_runs(start: Start, database: str, query: Query) -> None:
    assert start(database).stop()[0] == 0  # makes them when it starts
    ahead = query(PARTITIONS)
    with upkeep(database), psycopg.connect(database, autocommit=True) as connection:
        for (name,) in ahead[-2:]:
            connection.execute(f"DROP TABLE {name}")
        eventually(lambda: query(PARTITIONS) == ahead)


def test_what_waited_too_long_is_let_go_and_counted(start: Start, database: str, query: Query) -> None:
    exporter = start(database)
    for number in (1, 2, 3):
        exporter.call(logs(activity(number, prelude__span__duration_ns=None)))
    exporter.call(traces(span_of(4, 1_000_000)), TRACES)
    query("UPDATE span_joins SET since = now() - interval '61 minutes' WHERE span_id <> %s RETURNING 1", f"{3:016x}")
    with upkeep(database, timedelta(hours=1)) as expired:
        eventually(lambda: query("SELECT count(*) FROM span_joins") == [(1,)])
        # Two rows and one span are gone; only a row misses something.
        eventually(lambda: expired() == 2)
    exporter.call(traces(span_of(1, 5_000_000), span_of(3, 7_000_000)), TRACES)
    assert query("SELECT entity_id, duration_ms FROM user_activity_logs ORDER BY entity_id") == [
        ("1", None),
        ("2", None),
        ("3", 7),
    ]


def test_one_task_of_upkeep_that_fails_is_tried_again_and_keeps_no_other(
    start: Start, database: str, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = start(database)
    ahead = query(PARTITIONS)
    last = ahead[-1][0]
    with upkeep(database) as expired, psycopg.connect(database, autocommit=True) as connection:
        # As after an archiving that went half way: each try to make the partition fails.
        connection.execute(f"ALTER TABLE user_activity_logs DETACH PARTITION {last}")
        eventually(lambda: "is no partition of user_activity_logs" in caplog.text)
        exporter.call(logs(activity(1, prelude__span__duration_ns=None)))
        connection.execute("UPDATE span_joins SET since = now() - interval '25 hours'")
        eventually(lambda: expired() == 1)
        connection.execute(f"DROP TABLE {last}")
        eventually(lambda: query(PARTITIONS) == ahead)


def test_upkeep_outlives_a_database_that_is_away(
    start: Start, database: str, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    start(database).call(logs(activity(1, prelude__span__duration_ns=None)))
    query("UPDATE span_joins SET since = now() - interval '25 hours' RETURNING 1")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER ROLE prelude_test_writer NOLOGIN")
        try:
            with upkeep(database) as expired:
                eventually(lambda: "upkeep of the database failed" in caplog.text)
                connection.execute("ALTER ROLE prelude_test_writer LOGIN")
                eventually(lambda: expired() == 1)
        finally:
            connection.execute("ALTER ROLE prelude_test_writer LOGIN")


def test_what_the_quarantine_kept_long_enough_goes_and_ids_at_two_times_are_said(
    start: Start, database: str, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = start(database)
    twice = activity(1)
    exporter.call(logs(twice, activity(2, prelude__result__status="?"), activity(3, prelude__result__status="!")))
    twice.time_unix_nano += 5_000
    exporter.call(logs(twice))
    query(
        "UPDATE activity_quarantine SET received_at = now() - interval '91 days' WHERE detail LIKE '%%!%%' RETURNING id"
    )
    with upkeep(database):
        eventually(lambda: query("SELECT count(*) FROM activity_quarantine") == [(1,)])
        eventually(lambda: query("SELECT count(*) FROM repeated_event_ids") == [(1,)])
    assert "1 entries of the quarantine were kept for 90 days" in caplog.text
    assert "id 0192f0c1-2345-7abc-8def-000000000001 stands in the log at" in caplog.text
