"""Answers about a time of which rows went say so, and count what outlives rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prelude_store.connection import Connection, connect
from prelude_store.retention.run import run
from prelude_store.timeline.tend import tend
from prelude_store.writer import Batch, Writer
from tests.integration.retention.test_run import settle
from tests.support.analytics import Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.retention import keep
from tests.support.rows import make_row

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def at(days: int) -> int:
    return int((TODAY - timedelta(days=days)).timestamp() * 1_000_000)


def midnight(days: int) -> str:
    return (TODAY - timedelta(days=days)).replace(hour=0).isoformat().replace("+00:00", "Z")


KEPT = midnight(11)
"""Of what went the last is an email of 12 days ago."""


@pytest.fixture
def asked(database: str, governor: Connection, keeping: Connection, writer: Writer) -> Iterator[Analytics]:
    """Emails went after 10 days, all else after 30."""
    email = {"action_name": "send_email", "action_data": '{"method": "smtp"}'}
    writer.write(Batch(rows=[make_row(timestamp_us=at(days)) for days in (1, 20, 40, 41)]))
    writer.write(Batch(rows=[make_row(timestamp_us=at(days), **email) for days in (1, 9, 12, 20)]))
    settle(keeping)
    keep(governor, "30d")
    keep(governor, "10d", "crm", "send_email")
    assert run(governor).rows == 4
    settle(keeping)
    with connect(as_role(database, "keeper"), "test") as timeline:
        while tend(timeline):
            pass
    with running_analytics(database) as service:
        yield service


def answer(asked: Analytics, question: str, role: Any = "all", user: str | None = None) -> Any:
    with asked.signed(role, user) as client:
        found = client.get(question)
        assert found.status_code == 200, found.text
        return found.json()


def test_a_list_says_from_when_on_its_rows_are_all_there(asked: Analytics) -> None:
    found = answer(asked, "/recent-activities?days=60")
    assert (len(found["items"]), found["rows_kept_from"]) == (4, KEPT)
    assert answer(asked, "/recent-activities?days=15&action_name=send_email")["rows_kept_from"] == midnight(11)
    assert answer(asked, "/recent-activities?days=60&action_name=create_deal")["rows_kept_from"] == midnight(39)
    assert answer(asked, "/recent-activities?days=5")["rows_kept_from"] is None


def test_counts_outlive_rows_and_say_nothing(asked: Analytics) -> None:
    found = answer(asked, "/activities?days=60")
    assert (found["totals"]["count"], found["rows_kept_from"]) == (8, None)


@pytest.mark.parametrize(
    "question",
    [
        "/users?days=60",
        "/emails?days=60",
        "/customers?days=60",
        "/sessions?days=60",
        "/paths?days=60",
        "/cohorts?days=60",
    ],
)
def test_what_is_told_of_people_says_from_when_on_they_are_all_there(asked: Analytics, question: str) -> None:
    assert answer(asked, question)["rows_kept_from"] is not None


def test_senders_are_forgotten_and_what_was_sent_is_not(asked: Analytics) -> None:
    items = answer(asked, "/emails?days=60")["items"]
    assert [(one["user_email"], one["sent"], one["by_method"]["smtp"]) for one in items] == [("user@company.com", 2, 2)]
    with connect(asked.database, "test") as connection:
        kept = connection.execute(
            "SELECT user_email, sum(count)::int FROM email_rollups WHERE grain = 1440 GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert kept == [("", 2), ("user@company.com", 2)]
    (user,) = answer(asked, "/users?days=60")["items"]
    assert user["count"] == 4


def test_a_person_sees_the_same_of_what_is_theirs(asked: Analytics) -> None:
    found = answer(asked, "/recent-activities?days=60", "self", "user@company.com")
    assert (len(found["items"]), found["rows_kept_from"]) == (4, KEPT)
    summed = answer(asked, "/activities?days=60", "self", "user@company.com")
    assert (summed["totals"]["count"], summed["source"]) == (4, "rows")
    assert summed["rows_kept_from"] == KEPT


def test_an_export_says_so_in_its_head(asked: Analytics) -> None:
    with asked.signed() as client:
        found = client.get("/export.ndjson?days=60")
        assert found.headers["prelude-rows-kept-from"].startswith(KEPT[:10])
        assert "prelude-rows-kept-from" not in client.get("/export.ndjson?days=5").headers
