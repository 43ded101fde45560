"""The six queries of the reference, word for word, on rows whose answers are known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from prelude_store.writer import Batch
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.row import ActivityRow
    from tests.support.postgres import TestServer

Connection = psycopg.Connection[tuple[Any, ...]]

QUERIES = {path.name[0]: path.read_text("utf-8") for path in Path(__file__).parent.glob("reference_queries/*.sql")}
HOUR_US = 3600 * 1_000_000
USER, OTHER = "user@company.com", "other@company.com"
START_US = now_us()


def action(name: str, hours_ago: float, data: dict[str, Any] | None = None, **changes: Any) -> ActivityRow:
    return make_row(
        action_name=name,
        timestamp_us=START_US - int(hours_ago * HOUR_US),
        action_data=None if data is None else json.dumps(data),
        **changes,
    )


def send(method: str, **changes: Any) -> ActivityRow:
    return action(
        "send_email", 3, {"to_email": "c@d.e", "method": method}, entity_type="email", entity_id=None, **changes
    )


ROWS = [
    action("view_customer", 1, {"customer_id": 123}, entity_type="customer", entity_id="123"),
    action("view_customer", 2, {"customer_id": 123}, entity_type="customer", entity_id="123", user_email=OTHER),
    action("view_customer", 2, {"customer_id": 9}, entity_type="customer", entity_id="9", result_status="error"),
    action("view_deal", 3, {"customer_id": 123}, entity_id="456", user_email=OTHER),
    action("create_deal", 25, {"deal_name": "A", "value_usd": 50000.5}, entity_id="1"),
    action("create_deal", 26, {"deal_name": "B", "value_usd": 1000}, entity_id="2"),
    action("create_deal", 5, {"deal_name": "no value"}, entity_id="3", result_status="error"),
    action("update_deal", 25, {"updated_fields": {"value_usd": 1}}, entity_id="1"),
    action("delete_deal", 25, None, entity_id="1", user_email=OTHER),
    action("generate_email", 4, {"customer_id": 123}, entity_type="email", entity_id=None),
    send("gmail_api_v2"),
    send("gmail_api_v2"),
    send("outlook_api_v2"),
    send("smtp", user_email=OTHER),
    action("view_customer", 24 * 8, {"customer_id": 123}, entity_type="customer"),  # beyond seven days
    action("create_deal", 24 * 31, {"value_usd": 7}, user_email="gone@company.com"),  # beyond thirty
    make_row(action_type="chat", action_name="view_customer"),  # of another type
]


@pytest.fixture(scope="module")
def filled(postgres: TestServer) -> Iterator[Connection]:
    from prelude_store.writer import Writer
    from tests.support.postgres import as_role

    url = postgres.create_database()
    writer = Writer(as_role(url, "writer"))
    writer.write(Batch(rows=ROWS))
    writer.close()
    with psycopg.connect(as_role(url, "reader"), autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection
    postgres.drop_database(url)


def answer(connection: Connection, number: str) -> list[tuple[Any, ...]]:
    return connection.execute(QUERIES[number].encode()).fetchall()


def test_there_are_six() -> None:
    assert sorted(QUERIES) == list("123456")


def test_query_1_all_activities_of_a_user(filled: Connection) -> None:
    expected = sorted(
        (row for row in ROWS if row.user_email == USER and row.action_type == "crm"), key=lambda row: -row.timestamp_us
    )
    found = answer(filled, "1")
    assert [values[4] for values in found] == sorted((values[4] for values in found), reverse=True)
    assert sorted(
        (values[0], values[1], json.dumps(values[2], sort_keys=True), values[3]) for values in found
    ) == sorted(
        (
            row.action_name,
            row.entity_type,
            json.dumps(json.loads(row.action_data or "null"), sort_keys=True),
            row.result_status,
        )
        for row in expected
    )


def test_query_2_count_by_type(filled: Connection) -> None:
    found = answer(filled, "2")
    assert {values[0]: values[1:] for values in found} == {
        "view_customer": (3, 2, 1),
        "view_deal": (1, 1, 0),
        "create_deal": (3, 2, 1),
        "update_deal": (1, 1, 0),
        "delete_deal": (1, 1, 0),
        "generate_email": (1, 1, 0),
        "send_email": (4, 4, 0),
    }
    assert [values[1] for values in found] == sorted((values[1] for values in found), reverse=True)


def test_query_3_most_active_users(filled: Connection) -> None:
    found = answer(filled, "3")
    assert [(values[0], values[1]) for values in found] == [(USER, 11), (OTHER, 4)]
    newest = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=START_US - HOUR_US)
    assert found[0][2] == newest


def test_query_4_customer_engagement(filled: Connection) -> None:
    assert answer(filled, "4") == [("123", 3, [OTHER, USER]), ("9", 1, [USER])]


def test_query_5_email_activity(filled: Connection) -> None:
    assert answer(filled, "5") == [(USER, 1, 3, 2, 1, 0), (OTHER, 0, 1, 0, 0, 1)]


def test_query_6_deal_pipeline(filled: Connection) -> None:
    expected: dict[Any, list[Any]] = {}
    for row in ROWS:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.timestamp_us)
        if row.action_type != "crm" or START_US - row.timestamp_us > 30 * 24 * HOUR_US:
            continue
        day = expected.setdefault(at.date(), [0, 0, 0, Decimal(0)])
        for place, name in enumerate(("create_deal", "update_deal", "delete_deal")):
            day[place] += row.action_name == name
        if row.action_name == "create_deal":
            day[3] += Decimal(str(json.loads(row.action_data or "{}").get("value_usd", 0)))
    assert {values[0]: list(values[1:]) for values in answer(filled, "6")} == expected


def test_the_references_own_profile_insert_works_after_the_first_activity(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO user_profiles (email, name, role)\nVALUES ('user@company.com', 'User Name', 'admin');"
        )
