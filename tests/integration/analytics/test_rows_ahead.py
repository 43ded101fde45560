"""A service whose clock is ahead: its rows are in lists and figures alike, and a list and the feed behind it miss none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from prelude_store.connection import Connection
from prelude_store.rollups import passes
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.live import listening
from tests.support.rows import make_row, now_us

LIVE = "/api/analytics/live"
MINUTE_US = 60_000_000
AHEAD = (20 * 60, 3 * 60, 40, 16, 1)
"""Minutes."""


@pytest.fixture
def service(database: str) -> Iterator[Analytics]:
    with running_analytics(database) as running:
        yield running


@pytest.fixture
def client(service: Analytics) -> Iterator[httpx.Client]:
    with service.signed() as signed:
        yield signed


def write(writer: Writer, minutes: tuple[int, ...] = AHEAD) -> list[str]:
    """A row for each, dated so many minutes ahead of now; gives their ids."""
    rows = [
        make_row(
            timestamp_us=now_us() + ahead * MINUTE_US,
            action_name=("create_deal", "send_email")[number % 2],
            result_status=("success", "error")[number % 2],
            user_email=(ADA, BOB)[number % 2],
            session_id=f"session-{ahead}",
            page_route="/deals",
        )
        for number, ahead in enumerate(minutes)
    ]
    writer.write(Batch(rows=rows))
    return [row.event_id for row in rows]


def ask(client: httpx.Client, path: str, **given: Any) -> Any:
    answer = client.get(path, params=given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(client: httpx.Client, **given: Any) -> list[str]:
    """The ids of all pages of a list, three rows a page."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask(client, "/recent-activities", limit=3, **given, **cursor)
        found += [item["event_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("asked", [{}, {"days": 1}, {"from": "2020-01-01"}, {"user_email": ADA}])
def test_who_reads_a_list_and_then_listens_gets_each_row_once(
    service: Analytics, writer: Writer, asked: dict[str, Any]
) -> None:
    filters = {name: value for name, value in asked.items() if name == "user_email"}
    headers = {"authorization": f"Bearer {service.token('all').token}"}
    every = 2 if filters else 1
    with service.signed() as client:
        before = write(writer, (0, *AHEAD))[::every]
        page = ask(client, "/recent-activities", limit=100, **asked)
        after = write(writer, (0, *AHEAD))[::every]
        with listening(service.url, page["watermark"]["cursor"], path=LIVE, headers=headers, **filters) as behind:
            behind.until_rows(len(after))
    assert Counter(item["event_id"] for item in page["items"]) == Counter(before)
    assert Counter(behind.event_ids) == Counter(after)


def test_each_number_has_a_list_of_just_that_many_rows(
    client: httpx.Client, writer: Writer, keeping: Connection
) -> None:
    ids = write(writer, (-30, -5, *AHEAD))
    passes.carry_out(keeping)
    summary = ask(client, "/activities", days=2)
    trends = ask(client, "/trends", days=2, step="hour", stack="name")
    heatmap = ask(client, "/heatmap", days=2)
    users = ask(client, "/users", days=2)
    sessions = ask(client, "/sessions", days=2)
    searched = ask(client, "/activities", days=2, q="deal")
    later = write(writer)
    about = {"from": summary["range"]["from"], "to": summary["range"]["to"], "as_of": summary["watermark"]["cursor"]}
    assert Counter(listed(client, **about)) == Counter(ids)
    assert summary["totals"]["count"] == 7
    assert searched["totals"]["count"] == len(listed(client, q="deal", **about)) > 0
    ends = [*(day["start"] for day in summary["by_day"][1:]), about["to"]]
    for day, end in zip(summary["by_day"], ends, strict=True):
        assert day["count"] == len(listed(client, **{**about, "from": day["start"], "to": end}))
    ends = [*trends["starts"][1:], trends["range"]["to"]]
    for series in trends["series"]:
        for start, end, count in zip(trends["starts"], ends, series["counts"], strict=True):
            some = {"from": start, "to": end, "as_of": about["as_of"], "action_name": series["key"]}
            assert count == len(listed(client, **some))
    assert sum(cell["count"] for cell in heatmap["cells"]) == heatmap["totals"]["count"] == 7
    for one in users["items"]:
        assert one["success"] == len(listed(client, user_email=one["user_email"], result_status="success", **about))
    assert {one["session_id"] for one in sessions["items"]} == {f"session-{ahead}" for ahead in (-30, -5, *AHEAD)}
    assert Counter(listed(client, days=2)) == Counter(ids + later)


def test_an_export_and_a_funnel_have_them_too(client: httpx.Client, writer: Writer) -> None:
    ids = write(writer, (20 * 60, 3 * 60, 40))
    lines = client.get("/export.ndjson").text.splitlines()
    assert len(lines) == len(ids)
    answer = client.post(
        "/funnel",
        json={"steps": [{"actions": ["crm.create_deal"]}, {"actions": ["crm.send_email"]}], "people": None},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["steps"][0]["users"] == 1


def test_a_range_that_has_an_end_ends_there(client: httpx.Client, writer: Writer) -> None:
    ids = write(writer, (-40, 300))
    whole = ask(client, "/recent-activities")
    assert [item["event_id"] for item in whole["items"]] == ids[::-1]
    ended = ask(client, "/recent-activities", **{"from": "2020-01-01", "to": whole["items"][0]["timestamp"]})
    assert [item["event_id"] for item in ended["items"]] == ids[:1]


def test_the_period_before_is_not_moved_by_a_clock_that_is_ahead(
    client: httpx.Client, writer: Writer, keeping: Connection
) -> None:
    week = 7 * 24 * 60
    write(writer, (-1, 20 * 60, -week - 1, -week + 120))  # the last one a week before a moment that is yet to come
    passes.carry_out(keeping)
    last = ask(client, "/activities", days=7)
    assert last["before"]["totals"]["count"] == 1
    closed = {"from": last["range"]["from"], "to": last["range"]["to"]}
    assert ask(client, "/activities", **closed)["totals"] == last["totals"]
