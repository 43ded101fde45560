"""`prelude demo seed` writes into a real log, and the reference's six queries find something there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from prelude_store.seed.command import command

if TYPE_CHECKING:
    import psycopg

QUERIES = {path.name[0]: path.read_text("utf-8") for path in Path(__file__).parent.glob("reference_queries/*.sql")}


def seed(database: str, *flags: str) -> Result:
    return CliRunner().invoke(command, ["seed", "--database-url", database, *flags])


def test_a_seeded_log_answers_the_six_queries_of_the_reference(
    database: str, superuser: psycopg.Connection[tuple[Any, ...]]
) -> None:
    done = seed(database, "--rows", "6000", "--days", "10", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["rows"] == 6000
    one, two, three, four, five, six = (superuser.execute(QUERIES[number].encode()).fetchall() for number in "123456")
    assert len(one) == 100
    assert {row[0] for row in two} >= {"view_customer", "search_customers", "send_email", "create_deal"}
    assert all(total >= good + bad for _, total, good, bad in two)
    assert len(three) == 10
    assert ("user@company.com") in {row[0] for row in three}
    assert four[0][1] > 1
    assert sum(row[1] for row in five) > 0
    assert all(row[2] >= row[3] + row[4] + row[5] for row in five)
    assert sum(row[1] for row in six) > 0
    assert all(row[4] > 0 for row in six if row[1] > 2)


def test_rows_are_numbered_in_lanes_without_a_gap(
    database: str, superuser: psycopg.Connection[tuple[Any, ...]]
) -> None:
    assert seed(database, "--rows", "2500", "--days", "3", "--jobs", "2").exit_code == 0
    lanes = superuser.execute(
        "SELECT lane, count(*), min(lane_seq), max(lane_seq), count(DISTINCT lane_seq) FROM user_activity_logs GROUP BY lane"
    ).fetchall()
    assert sum(row[1] for row in lanes) == 2500
    assert all(low == 1 and count == high == distinct for _, count, low, high, distinct in lanes)
    assert dict(superuser.execute("SELECT lane, last_seq FROM ingest_lanes").fetchall()) == {
        row[0]: row[3] for row in lanes
    }


def test_the_last_days_are_there_first(database: str, superuser: psycopg.Connection[tuple[Any, ...]]) -> None:
    flags = ("--rows", "600", "--days", "5", "--until", "2026-01-17T00:00:00Z", "--jobs", "1", "--no-build")
    assert seed(database, *flags).exit_code == 0
    days = [
        day
        for (day,) in superuser.execute(
            "SELECT (\"timestamp\" AT TIME ZONE 'UTC')::date::text FROM user_activity_logs"
            " GROUP BY 1 ORDER BY min(lane_seq)"
        )
    ]
    assert days == ["2026-01-16", "2026-01-15", "2026-01-14", "2026-01-13", "2026-01-12"]


def test_a_log_that_has_rows_is_refused_unless_that_is_meant_and_the_same_rows_come_once(database: str) -> None:
    flags = ("--rows", "300", "--days", "2", "--until", "2026-01-15T12:00:00Z", "--json")
    assert json.loads(seed(database, *flags).stdout)["rows"] == 300
    again = seed(database, *flags)
    assert again.exit_code == 1
    assert "has rows already" in str(again.exception)
    assert json.loads(seed(database, *flags, "--add").stdout)["rows"] == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--rows", "0"), "--rows"),
        (("--days", "0"), "--days"),
        (("--until", "2199-01-01"), "is yet to come"),
        (("--until", "soon"), "neither an age"),
    ],
)
def test_wrong_flags_are_named(database: str, flags: tuple[str, ...], said: str) -> None:
    refused = seed(database, *flags)
    assert refused.exit_code == 2
    assert said in refused.output
