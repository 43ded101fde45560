"""How long ago: beside times in lists, and in the title of any time; told by the browser, and renewed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

OpenPage = Callable[..., Page]


@pytest.fixture
def dashboard(database: str) -> Iterator[Analytics]:
    """Instead of the one that all tests share: a row of now, and one of three hours ago."""
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - hours * 3_600_000_000) for hours in (0, 3)]))
    writer.close()
    with running_analytics(database, requests_per_second=0) as running:
        yield running


def test_ages_stand_beside_times_and_grow_while_nothing_is_loaded(open_page: OpenPage) -> None:
    page = open_page("/activities?days=2")
    expect(page.locator("h1")).to_have_text("Activities")
    page.clock.install(time=datetime.now(UTC))
    page.reload()
    ages = page.locator("tr[id] .ago")
    expect(ages).to_have_text(["now", "3 h ago"])
    page.clock.run_for(120_000)
    expect(ages).to_have_text([re.compile(r"^[23] min ago$"), "3 h ago"])


def test_the_title_of_a_time_says_its_age_when_somebody_looks(open_page: OpenPage) -> None:
    page = open_page("/activities?days=2", width=700)
    page.wait_for_load_state()
    row = page.locator("tr[id]").nth(1)
    link, time = row.locator("a.open"), row.locator("time")
    expect(page.locator(".ago").first).to_be_hidden()  # there is no room
    before = time.get_attribute("title") or ""
    for _ in range(2):
        time.hover(force=True)  # over all of a row lies its link
        expect(link).to_have_attribute("title", f"{before} · 3 h ago")
        row.locator("td").nth(2).hover(force=True)
        expect(link).to_have_attribute("title", "crm.create_deal")
