"""What is due goes, and all that was made of it; what is not stays."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from prelude_store import portion
from prelude_store.connection import Connection
from prelude_store.retention.plan import plan
from prelude_store.retention.run import run
from prelude_store.rollups import building, passes
from prelude_store.rollups.verify import verify
from prelude_store.writer import Batch, Writer
from tests.support.retention import ago, hold, keep
from tests.support.rows import make_row

Superuser = psycopg.Connection[tuple[Any, ...]]


def count(connection: Superuser, question: str) -> int:
    row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])


def settle(keeping: Connection) -> None:
    """Count all, and build what is listed."""
    while True:
        last = passes.carry_out(keeping)
        if last.to_build:
            building.build_next(keeping)
        elif not last.places:
            return


def test_rows_go_when_their_time_is_over(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    old = [make_row(timestamp_us=ago(100) + n, action_type="navigation", action_name="page_view") for n in range(10)]
    others = [make_row(timestamp_us=ago(100) + n) for n in range(10)]
    writer.write(Batch(rows=[*old, *others, make_row(action_type="navigation")]))
    settle(keeping)
    keep(governor, "90d", "navigation")
    assert [week.going for week in plan(governor).weeks] == [{(1, "rows"): 10}]
    outcome = run(governor)
    assert (outcome.rows, outcome.partitions) == (10, 0)
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 11
    assert plan(governor).weeks == []
    assert count(superuser, "SELECT sum(count) FROM activity_rollups WHERE grain = 15") == 21
    settle(keeping)
    assert count(superuser, "SELECT sum(success) FROM user_rollups WHERE grain = 15") == 11
    assert verify(keeping.info.dsn).differences == []


def test_a_week_that_is_due_as_a_whole_leaves_as_a_partition(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection
) -> None:
    writer.write(Batch(rows=[make_row(timestamp_us=ago(100) + n) for n in range(10)] + [make_row()]))
    settle(keeping)
    partitions = count(superuser, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass")
    keep(governor, "90d")
    outcome = run(governor)
    assert (outcome.rows, outcome.partitions) == (10, 1)
    assert (
        count(superuser, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass")
        == partitions - 1
    )
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 1
    assert verify(keeping.info.dsn).differences == []
    assert count(superuser, "SELECT count(*) FROM governance_acts WHERE kind = 'drop'") == 2


def test_what_is_held_stays(governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection) -> None:
    at = ago(100)
    writer.write(
        Batch(
            rows=[
                make_row(timestamp_us=at, user_email="ada@x.com", session_id="a"),
                make_row(
                    timestamp_us=at + 1,
                    user_email="bob@x.com",
                    session_id="a",
                    action_data='{"to": "Ada@X.com, cy@x.com"}',
                ),
                make_row(timestamp_us=at + 2, user_email="bob@x.com", session_id="a"),
            ]
        )
    )
    settle(keeping)
    keep(governor, "90d")
    number = hold(governor, user=" ADA@x.com")
    assert [(week.drop, week.held, week.going) for week in plan(governor).weeks] == [
        (False, {number: 2}, {(1, "rows"): 1})
    ]
    assert run(governor).rows == 1
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 2
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []


def test_a_batch_that_takes_too_long_is_undone_and_done_in_smaller_ones(
    governor: Connection, superuser: Superuser, writer: Writer, keeping: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portion, "_LONGEST", 0.0)  # only the smallest are let go on
    old = [make_row(timestamp_us=ago(100) + n, action_type="navigation", action_name="page_view") for n in range(420)]
    writer.write(Batch(rows=[*old, make_row(timestamp_us=ago(100))]))
    settle(keeping)
    keep(governor, "90d", "navigation")
    assert run(governor).rows == 420
    assert count(superuser, "SELECT count(*) FROM user_activity_logs") == 1
    assert count(superuser, "SELECT count(*) FROM activity_changes WHERE kind = 'removed'") == 420
    assert count(superuser, "SELECT count(*) FROM governance_acts WHERE kind = 'expire'") == 1
    settle(keeping)
    assert verify(keeping.info.dsn).differences == []
