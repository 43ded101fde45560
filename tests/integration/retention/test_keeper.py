"""Retention by itself: when it is time, by one of several, and by nobody who may not; what is shown of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from prelude_analytics.metrics import Metrics
from prelude_store.checks import checks
from prelude_store.connection import Connection
from prelude_store.retention.figures import Figures, figures
from prelude_store.retention.keeper import RetentionKeeper, is_time
from prelude_store.retention.run import connected, run
from prelude_store.writer import Batch, Writer
from tests.integration.retention.test_run import count, settle
from tests.support.postgres import as_role
from tests.support.retention import ago, keep
from tests.support.rows import make_row

Superuser = psycopg.Connection[tuple[Any, ...]]
DAY = timedelta(days=1)
NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
PATIENCE = 60.0


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("policies", "begun", "done", "expected"),
    [
        (0, None, None, False),
        (1, None, None, True),
        (1, 23, 23, False),
        (1, 24, 24, True),
        (1, 0.5, 30, False),
        (1, 2, 30, True),
    ],
)
def test_it_is_time_once_a_day_and_after_a_failure_an_hour_later(
    policies: int, begun: float | None, done: float | None, expected: bool
) -> None:
    times = [None if hours is None else NOW - timedelta(hours=hours) for hours in (begun, done)]
    assert is_time(Figures(0, 0, 0, 0, 0, times[0], times[1], None, policies, NOW, NOW), DAY) is expected


def test_of_two_keepers_one_runs(database: str, superuser: Superuser, writer: Writer, keeping: Connection) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=ago(100))]))
    settle(keeping)
    stop = threading.Event()
    keepers = [RetentionKeeper(as_role(database, "governor"), every=DAY, look=0.02) for _ in range(2)]
    threads = [threading.Thread(target=keeper.run, args=[stop]) for keeper in keepers]
    for thread in threads:
        thread.start()
    try:
        until(lambda: all(keeper.figures is not None for keeper in keepers))
        assert count(superuser, "SELECT count(*) FROM retention_runs") == 0  # there is no policy
        with connected(as_role(database, "governor")) as governor:
            keep(governor, "90d")
        until(lambda: count(superuser, "SELECT count(*) FROM retention_runs WHERE ended_at IS NOT NULL") > 0)
        until(lambda: all(keeper.figures is not None and keeper.figures.rows == 1 for keeper in keepers))
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert count(superuser, "SELECT sum(rows_removed) FROM retention_runs") == 1
    assert count(superuser, "SELECT count(*) FROM retention_runs") == 1


def test_who_may_not_is_told_what_to_grant(
    database: str, governor: Connection, superuser: Superuser, caplog: pytest.LogCaptureFixture
) -> None:
    keep(governor, "90d")
    stop = threading.Event()
    keeper = RetentionKeeper(as_role(database, "reader"), every=DAY, look=0.02)
    with caplog.at_level(logging.ERROR):
        thread = threading.Thread(target=keeper.run, args=[stop])
        thread.start()
        until(lambda: "GRANT prelude_governor" in caplog.text)
        stop.set()
        thread.join(PATIENCE)
    assert len(caplog.records) == 1
    assert count(superuser, "SELECT count(*) FROM retention_runs") == 0


def test_a_run_beside_another_does_nothing(database: str, governor: Connection) -> None:
    with connected(as_role(database, "governor")) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [0x72657461696E])
        assert run(governor).busy


def test_metrics_and_doctor_show_what_was_done_and_what_was_not(
    database: str, governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    def doctor() -> list[tuple[bool | None, str]]:
        context = {"database_url": as_role(database, "reader")}
        return [(good, found) for name, good, found, _ in checks(context) if name == "retention"]

    assert doctor() == []
    writer.write(Batch(rows=[make_row(timestamp_us=ago(100) + n) for n in range(3)]))
    settle(keeping)
    keep(governor, "90d")
    assert doctor() == [(True, "1 policies, set 0 hours ago")]
    superuser.execute("UPDATE retention_policies SET set_at = now() - interval '3 days'")
    assert doctor() == [(False, "policies were never carried out")]
    run(governor)
    assert doctor() == [(True, "1 policies, carried out last 0 hours ago")]
    superuser.execute("UPDATE retention_runs SET started_at = now() - interval '50 hours'")
    superuser.execute("INSERT INTO retention_runs (ended_at, failure) VALUES (now(), 'no space left')")
    assert doctor() == [(False, "1 policies, carried out last 2 days ago: no space left")]
    metrics = Metrics()
    metrics.show_retention(lambda: figures(superuser))
    shown = metrics.exposition().decode()
    for line in (
        "rows_removed_total 3.0",
        "partitions_dropped_total 1.0",
        "failures_total 1.0",
        "runs_total 2.0",
        "policies 1.0",
    ):
        assert f"prelude_analytics_retention_{line}" in shown
