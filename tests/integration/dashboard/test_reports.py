"""Reports: each number opens as many rows, and lengths by page are those of the rows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from prelude_analytics.answers.page_latency import PageLatencies, page_latencies
from prelude_analytics.figures.reading import Reading
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.sources import Counting
from prelude_store.connection import connect
from tests.support.analytics import Analytics
from tests.support.dashboard import running_dashboard, signed_in
from tests.support.postgres import TestServer, as_role

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
LENGTHS = """
SELECT coalesce(page_route, '') AS page, count(*) AS count, array_agg(duration_ms ORDER BY duration_ms) FILTER (WHERE duration_ms IS NOT NULL)
FROM user_activity_logs AS log
WHERE "timestamp" >= %s AND "timestamp" < %s
    AND NOT EXISTS (SELECT FROM user_activity_logs AS later WHERE later.completes_event_id = log.event_id AND log.result_status = 'pending')
GROUP BY 1
"""


@pytest.fixture(scope="module")
def service(postgres: TestServer) -> Iterator[Analytics]:
    with running_dashboard(postgres, 3_000) as running:
        yield running


def rows_of(browser: httpx.Client, href: str) -> int:
    """Rows of a list on all its pages, which are short where the machine is too busy to compare more in time."""
    count, following = 0, [href]
    while following:
        page = browser.get(unescape(following[0])).text
        count += page.count('class="open"')
        following = [
            link[1]
            for tag in re.findall(r"<a [^>]*rel=\"next\"[^>]*>", page)
            if (link := re.search(r'href="([^"]+)"', tag))
        ]
    return count


def test_each_number_of_a_report_opens_as_many_rows(service: Analytics) -> None:
    with signed_in(service) as browser:
        page = browser.get("/analytics/reports?days=30").text
        numbers = re.findall(r'<td class="num"><a href="([^"]+)">([\d\u202f]+)</a>', page)
        numbers += re.findall(r'<a href="([^"]+)" aria-label="(\d+) (?:error|timeout), ', page)
        small = [
            (unescape(href), int(number)) for href, number in numbers if "\u202f" not in number and int(number) < 100
        ]
        wanted = (
            "generate_email",
            "email_method",
            "action_group",
            "page_route",
            "action_name=view",
            "result_status=timeout",
        )
        assert all(any(kind in href for href, _ in small) for kind in wanted)
        for href, number in small[:: len(small) // 20]:
            assert rows_of(browser, href) == number, href


def test_an_example_of_a_failure_opens(service: Analytics) -> None:
    with signed_in(service) as browser:
        page = browser.get("/analytics/reports?days=30").text
        example = re.search(r'<ul class="cases"><li>.*?<a href="([^"]+)"', page, re.DOTALL)
        assert example
        assert 'aria-current="true"' in browser.get(unescape(example[1])).text.partition('id="content"')[2]


def test_who_may_rank_nobody_sees_no_names(service: Analytics) -> None:
    with signed_in(service, "govern") as browser:
        assert "No names for this token" in browser.get("/analytics/reports").text


async def asked(service: Analytics, since: datetime) -> PageLatencies:
    connection: Any = await psycopg.AsyncConnection.connect(
        as_role(service.database, "reader"), autocommit=True, row_factory=dict_row
    )
    async with connection, connection.transaction():
        among = Range(since, NOW, ZoneInfo("UTC"))
        return await page_latencies(Reading(connection), Counting(Filters(), among, NOW - timedelta(days=1)))


def of_rows(service: Analytics, since: datetime) -> dict[str, tuple[int, int, list[int | None]]]:
    """By page how many activities, how many of known length, and the lengths at the nearest ranks."""
    with connect(service.database, "test") as connection:
        rows = connection.execute(LENGTHS, [since, NOW]).fetchall()
    found: dict[str, tuple[int, int, list[int | None]]] = {}
    for page, count, lengths in rows:
        known = lengths or []
        ranks: list[int | None] = [known[-(-len(known) * part // 100) - 1] if known else None for part in (50, 95, 99)]
        found[page] = count, len(known), ranks
    return found


def test_lengths_by_page_are_those_of_the_rows(service: Analytics, monkeypatch: pytest.MonkeyPatch) -> None:
    since = NOW - timedelta(days=20)
    answer = asyncio.run(asked(service, since))
    assert answer.whole
    shown = {one.page_route: (one.count, one.measured, [one.p50, one.p95, one.p99]) for one in answer.items}
    assert shown == of_rows(service, since)

    monkeypatch.setattr("prelude_analytics.sources.MOST_ROWS", 500)
    answer = asyncio.run(asked(service, since))
    assert not answer.whole
    begins = answer.range.from_
    assert since < begins < NOW
    assert 300 < sum(one.count for one in answer.items) <= 500
    shown = {one.page_route: (one.count, one.measured, [one.p50, one.p95, one.p99]) for one in answer.items}
    assert shown == of_rows(service, begins)
