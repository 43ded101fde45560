"""`prelude store rollup verify` compares the timeline with the log, and `rebuild` makes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from prelude_store.command import command
from prelude_store.connection import Connection, connect
from prelude_store.rollups import building, passes
from prelude_store.rollups.verify import Difference, verify
from prelude_store.row import ActivityRow
from prelude_store.timeline.follow import follow
from prelude_store.timeline.moments import microseconds
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

NOON = microseconds(datetime(2026, 3, 2, 12, tzinfo=UTC))
DAY = 86_400_000_000
SAID = {
    "day": "2026-03-02",
    "user_email": "a@b.c",
    "action": "crm.create_deal",
    "timestamp": "2026-03-02T12:00:00+00:00",
    "result_status": "success",
    "service_name": "crm-service",
}


@pytest.fixture
def keeper(database: str) -> Iterator[Connection]:
    with connect(as_role(database, "keeper"), "test") as connection:
        yield connection


def row(at: int, **changes: Any) -> ActivityRow:
    return make_row(timestamp_us=at, user_email="a@b.c", **changes)


def built(keeper: Connection) -> None:
    while tend(keeper):
        pass


def differences(database: str) -> list[tuple[str, str, Any]]:
    """Of the timeline."""
    found = verify(as_role(database, "keeper")).differences
    assert all(isinstance(one, Difference) for one in found)
    return [
        (one.table, one.side, json.loads(one.row)) for one in found if one.table in ("timeline_days", "activity_days")
    ]


def rebuild(database: str, *flags: str) -> str:
    url = ("--database-url", as_role(database, "keeper"))
    return CliRunner().invoke(command, ["rollup", "rebuild", *flags, *url], catch_exceptions=False).output


def test_a_timeline_that_is_as_the_log_says_has_no_differences(
    database: str, writer: Writer, keeper: Connection
) -> None:
    pending = row(NOON, result_status="pending")
    writer.write(
        Batch(rows=[pending, row(NOON + 1), row(NOON + DAY, service_name=None), row(NOON, action_name="other")])
    )
    writer.write(Batch(rows=[row(NOON + 2 * DAY, completes_event_id=pending.event_id)]))
    built(keeper)
    assert differences(database) == []


def test_what_the_timeline_was_not_told_of_yet_is_no_difference(
    database: str, writer: Writer, keeper: Connection
) -> None:
    pending = row(NOON, result_status="pending")
    writer.write(Batch(rows=[pending, row(NOON + DAY)]))
    built(keeper)
    writer.write(Batch(rows=[row(NOON + DAY), row(NOON + 3 * DAY, completes_event_id=pending.event_id)]))
    assert differences(database) == []
    follow(keeper)
    assert differences(database) == []


def test_a_row_that_was_deleted_by_hand_is_named(
    database: str, writer: Writer, keeper: Connection, superuser: psycopg.Connection[Any]
) -> None:
    writer.write(Batch(rows=[row(NOON - 1), row(NOON, action_name="other")]))
    built(keeper)
    superuser.execute("DELETE FROM user_activity_logs WHERE action_name = 'other'")
    assert differences(database) == [
        ("timeline_days", "kept", SAID | {"action": "crm.other"}),
        ("activity_days", "kept", {"day": "2026-03-02", "action": "crm.other", "rows": 1}),
    ]
    assert "days built" in rebuild(database)
    assert differences(database) == []


def test_a_row_that_the_timeline_lacks_is_named(
    database: str, writer: Writer, keeper: Connection, superuser: psycopg.Connection[Any]
) -> None:
    writer.write(Batch(rows=[row(NOON), row(NOON + DAY)]))
    built(keeper)
    superuser.execute("DELETE FROM timeline_days WHERE day = '2026-03-02'")
    assert differences(database) == [("timeline_days", "raw", SAID)]
    assert "days built" in rebuild(database)
    assert differences(database) == []


@pytest.mark.parametrize("column", ["gaps", "first_times", "row_count", "times"])
def test_a_column_that_was_changed_by_hand_is_named(
    database: str, writer: Writer, keeper: Connection, superuser: psycopg.Connection[Any], column: str
) -> None:
    writer.write(Batch(rows=[row(NOON), row(NOON + DAY)]))
    built(keeper)
    changed = "row_count + 1" if column == "row_count" else f"{column} || '\\x00'::bytea"
    superuser.execute(f"UPDATE timeline_days SET {column} = {changed} WHERE day = '2026-03-02'".encode())
    [(table, _, said)] = [one for one in differences(database) if one[0] == "timeline_days"][:1]
    assert (table, said["day"]) == ("timeline_days", "2026-03-02")
    assert "days built" in rebuild(database)
    assert differences(database) == []


def test_a_rebuild_builds_a_timeline_that_was_never_built(
    database: str, writer: Writer, superuser: psycopg.Connection[Any]
) -> None:
    writer.write(Batch(rows=[row(NOON), row(NOON + DAY)]))
    assert "days built" in rebuild(database)
    assert superuser.execute("SELECT count(*), sum(row_count), bool_or(dirty) FROM timeline_days").fetchone() == (
        2,
        2,
        False,
    )
    assert verify(as_role(database, "keeper")).differences == []


def test_an_interrupted_rebuild_goes_on_with_the_days_that_are_left(
    database: str, writer: Writer, keeper: Connection, keeping: Connection, superuser: psycopg.Connection[Any]
) -> None:
    writer.write(Batch(rows=[row(NOON), row(NOON + DAY)]))
    built(keeper)
    passes.carry_out(keeping)
    building.begin(keeping)
    superuser.execute("UPDATE timeline_days SET dirty = true WHERE day = '2026-03-03'")

    def built_at() -> dict[str, datetime]:
        return dict(superuser.execute("SELECT day::text, built_at FROM timeline_days").fetchall())

    before = built_at()
    rebuild(database)
    after = built_at()
    assert after["2026-03-02"] == before["2026-03-02"]
    assert after["2026-03-03"] > before["2026-03-03"]
    rebuild(database, "--anew")
    assert all(built > after[day] for day, built in built_at().items())
    assert verify(as_role(database, "keeper")).differences == []
