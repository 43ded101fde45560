"""Pages about a time of which rows went: they say so, and a list says why it has fewer rows than were counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import pytest

from prelude_store.connection import Connection
from prelude_store.retention.run import connected, run
from prelude_store.timeline.build import build_all
from prelude_store.writer import Batch, Writer
from tests.integration.retention.test_run import settle
from tests.support.analytics import running_analytics
from tests.support.dashboard import signed_in
from tests.support.postgres import as_role
from tests.support.retention import keep
from tests.support.rows import make_row

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
KEPT = f"{TODAY - timedelta(days=39):%Y-%m-%d} 00:00"
"""What went last is a row of 40 days ago."""


@pytest.fixture
def kept(database: str, keeping: Connection) -> Iterator[httpx.Client]:
    """Of five rows two went, after 30 days."""
    writer = Writer(as_role(database, "writer"))
    ages = (1, 2, 20, 40, 41)
    moments = [int((TODAY - timedelta(days=days)).timestamp() * 1_000_000) for days in ages]
    writer.write(Batch(rows=[make_row(timestamp_us=at) for at in moments]))
    writer.close()
    settle(keeping)
    with connected(as_role(database, "governor"), "test") as governor:
        keep(governor, "30d")
        assert run(governor).rows == 2
    settle(keeping)
    build_all(database)
    with running_analytics(database, requests_per_second=0) as service, signed_in(service) as client:
        yield client


def notice(page: str) -> str:
    """What a page says before its figures, as text."""
    found = re.search(r'<div data-part="notice".*?</div>', page, re.DOTALL)
    assert found
    return " ".join(unescape(re.sub(r"<[^>]+>", "", found[0])).split())


def test_figures_count_what_went_and_the_list_behind_them_says_why_it_has_fewer(kept: httpx.Client) -> None:
    page = kept.get("/analytics?days=60").text
    assert notice(page).startswith(f"Before {KEPT} there are only the rows that retention has left. Totals and trends")
    total = re.search(r'data-part="f-count".*?<a href="([^"]+)">(\d+)</a>', page, re.DOTALL)
    assert total
    assert total[2] == "5"
    behind = kept.get(unescape(total[1])).text
    assert behind.count('class="open"') == 3
    assert notice(behind).endswith("The number that led here may be larger: counts outlive rows.")


def test_a_list_of_what_is_all_gone_says_so(kept: httpx.Client) -> None:
    since, until = (f"{TODAY - timedelta(days=days):%Y-%m-%d}" for days in (42, 39))
    page = kept.get(f"/analytics/activities?from={since}&to={until}").text
    assert "No rows are left of what is asked for." in page
    assert "may be larger" not in notice(page)


@pytest.mark.parametrize(
    "screen", ["people", "sessions", "funnels", "cohorts", "paths", "person?user_email=user@company.com"]
)
def test_what_is_told_of_people_says_that_it_counts_what_is_left(kept: httpx.Client, screen: str) -> None:
    page = kept.get(f"/analytics/{screen}{'&' if '?' in screen else '?'}days=60").text
    assert f"Before {KEPT} there is only what retention has left of who did what" in notice(page)


def test_figures_that_a_filter_has_counted_in_rows_say_that_they_count_what_is_left(kept: httpx.Client) -> None:
    page = kept.get("/analytics?days=60&user_email=user@company.com").text
    assert re.search(r'data-part="f-count".*?>3</a>', page, re.DOTALL)
    assert "with these filters figures count those rows" in notice(page)


def test_a_range_of_which_nothing_went_says_nothing(kept: httpx.Client) -> None:
    for screen in ("", "/activities", "/people"):
        assert notice(kept.get(f"/analytics{screen}?days=25").text) == ""
