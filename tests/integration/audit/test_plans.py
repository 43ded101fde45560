"""Rows come in the order of an index, a portion at a time: how long the log is does not matter to a portion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from prelude_store.audit import questions, report
from prelude_store.audit.asked import Asked, Subject
from prelude_store.audit.run import SESSION
from prelude_store.connection import connect
from prelude_store.seed.load import load
from prelude_store.seed.plan import past
from tests.support.postgres import TestServer, as_role

NOW = datetime.now(UTC)


@pytest.fixture(scope="module", params=["with statistics", "without"])
def url(postgres: TestServer, request: pytest.FixtureRequest) -> Iterator[str]:
    database = postgres.create_database()
    for _ in load(as_role(database, "writer"), past(20_000, 60, NOW - timedelta(minutes=2), "audit"), 1):
        pass
    if request.param == "with statistics":
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ANALYZE")
    yield database
    postgres.drop_database(database)


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Nodes that read the log and are carried out."""
    if str(node.get("Relation Name", "")).startswith("user_activity_logs") and node["Actual Loops"]:
        yield node
    for inner in node.get("Plans", ()):
        yield from scans(inner)


@pytest.mark.parametrize(("ask", "most"), [(questions.rows, 500), (questions.counts, 500)])
@pytest.mark.parametrize("of", ["everybody", "person", "entity", "service"])
def test_a_portion_reads_no_more_rows_than_it_has(url: str, ask: Any, most: int, of: str) -> None:
    with connect(as_role(url, "reader"), "test", **SESSION) as connection:
        email, kind, entity = connection.execute(
            "SELECT user_email, entity_type, entity_id FROM user_activity_logs WHERE entity_id IS NOT NULL GROUP BY 1, 2, 3"
            " ORDER BY count(*), 1, 3 LIMIT 1"
        ).fetchall()[0]
        subject = {
            "everybody": Subject(),
            "person": Subject(user_email=email),
            "entity": Subject(entity_type=kind, entity_id=entity),
            "service": Subject(service_name="crm-service"),
        }[of]
        _, committed, sealed, *_ = connection.execute(questions.begun().statement.encode()).fetchall()[0]
        lanes = {"committed": report._by_lane(committed), "sealed": report._by_lane(sealed)}
        asked = Asked(subject, NOW - timedelta(days=60), NOW, "test", NOW, "1", ZoneInfo("UTC"))
        question = ask(asked, {**report._first(asked, lanes, most), "at": NOW - timedelta(days=45)})
        statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {question.statement}".encode()
        plan = connection.execute(statement, question.parameters).fetchall()[0][0][0]["Plan"]
    found = list(scans(plan))
    assert {node["Node Type"] for node in found} == {"Index Scan"}
    read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in found)
    # Where a week has few rows of an index, the planner may compare some of the newest week instead.
    assert 0 < read <= most * 1.2 + 2_000, json.dumps(plan)[:2_000]
