"""Rows that go are found by their keys: how many others lie between them costs nothing, whatever the planner knows of the week."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from prelude_store.connection import BoundedConnection
from prelude_store.erasure.aim import Aim
from prelude_store.erasure.carry_out import Work, governing
from prelude_store.mentions.person import person_of
from prelude_store.quarantine.reader import reader_of
from prelude_store.retention.run import connected, run
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.retention import ago, keep
from tests.support.rows import make_row

ADA = "ada@company.com"
ROWS = 6_000
_CHANGES = ("UPDATE public.user_activity_logs", "DELETE FROM public.user_activity_logs")


@pytest.fixture(params=["with statistics", "without"])
def url(database: str, writer: Writer, request: pytest.FixtureRequest) -> str:
    """One row in eight is to go, all of one hour."""
    with psycopg.connect(database, autocommit=True) as superuser:
        start = ago(100)
        for part in range(0, ROWS, 2_000):
            rows = [
                make_row(
                    user_email=ADA if n % 8 == 0 else f"user{n % 50}@company.com", timestamp_us=start + n * 500_000,
                    action_type="navigation" if n % 8 == 0 else "crm", action_name="page_view" if n % 8 == 0 else "view_deal",
                )
                for n in range(part, part + 2_000)
            ]  # fmt: skip
            writer.write(Batch(rows=rows))
        if request.param == "with statistics":
            superuser.execute("ANALYZE user_activity_logs")
    return database


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Of each statement that changes rows: how many rows it was to change, and how many its plan has looked at."""
    found: list[tuple[int, int]] = []
    execute = BoundedConnection.execute

    def explained(self: Any, query: Any, *parameters: Any, **options: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if not text.strip().startswith(_CHANGES):
            return execute(self, query, *parameters, **options)
        told = execute(self, f"EXPLAIN (ANALYZE, FORMAT JSON) {text}".encode(), *parameters, **options)
        plan = told.fetchall()[0][0][0]["Plan"]
        found.append((round(plan["Plans"][0]["Actual Rows"]), looked_at(plan)))
        return told

    monkeypatch.setattr(BoundedConnection, "execute", explained)
    return found


def looked_at(node: dict[str, Any]) -> int:
    each = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    here: int = round(sum(node.get(name, 0) for name in each) * node["Actual Loops"])
    return here + sum(looked_at(inner) for inner in node.get("Plans", ()))


def test_an_erasure_looks_at_the_rows_that_it_changes_alone(url: str, compared: list[tuple[int, int]]) -> None:
    with governing(as_role(url, "governor"), "test") as connection:
        worked = Work(connection, Aim(person_of(ADA)), reader_of(), actor="test").carry_out()
    assert worked.run is not None
    assert worked.run.counts["rows"] == ROWS // 8
    assert [one for one in compared if one[1] > 6 * one[0]] == []


def test_retention_looks_at_the_rows_that_go_alone(url: str, compared: list[tuple[int, int]]) -> None:
    with connected(as_role(url, "governor"), "test") as connection:
        keep(connection, "90d", "navigation")
        outcome = run(connection)
    assert outcome.rows == ROWS // 8
    assert [one for one in compared if one[1] > 6 * one[0]] == []
