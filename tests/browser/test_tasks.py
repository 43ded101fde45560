"""Three questions that people come with, each answered by clicks alone from the first page on; how many it takes is part of the promise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.analytics import ADA, Analytics
from tests.support.dashboard import running_dashboard
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow
    from tests.support.postgres import TestServer

OpenPage = Callable[..., Page]
FAILED = 60
DONE_BEFORE = ("view_deal", "update_deal", "create_deal_note")
MINUTE_US = 60_000_000


def trouble() -> list[ActivityRow]:
    """An hour of yesterday in which the database was away."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    said = json.dumps({"error_type": "OperationalError", "http_status": 503})
    return [
        make_row(
            timestamp_us=int(noon.timestamp() * 1_000_000) + number * MINUTE_US,
            user_email=f"user{number % 7}@company.com",
            action_name="view_deal",
            result_status="error",
            result_data=said,
        )
        for number in range(FAILED)
    ]


def deletion() -> list[ActivityRow]:
    """What somebody did just now, up to the end of a deal."""
    names = (*DONE_BEFORE, "delete_deal")
    return [
        make_row(
            timestamp_us=now_us() - (len(names) - place) * MINUTE_US // 4,
            user_email=ADA,
            action_name=name,
            entity_type="deal",
            entity_id="4711",
        )
        for place, name in enumerate(names)
    ]


@pytest.fixture(scope="module")
def dashboard(postgres: TestServer) -> Iterator[Analytics]:
    """Instead of the one that all tests share: the made-up past, an hour of trouble yesterday, and a deal that is gone."""
    with running_dashboard(postgres, also=[*trouble(), *deletion()]) as service:
        yield service


def failures(bar: Locator) -> int:
    """How many rows a bar stands for."""
    return int((bar.get_attribute("aria-label") or "").split()[0])


class Visitor:
    """Somebody new, who has signed in; each click counts."""

    def __init__(self, page: Page) -> None:
        expect(page.locator("h1")).to_have_text("Overview")
        self.page = page
        self.clicks = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def go(self, screen: str) -> None:
        self.click(self.page.locator(".nav a", has_text=screen))
        expect(self.page.locator("h1")).to_have_text(screen)


def test_why_did_errors_rise_yesterday(open_page: OpenPage) -> None:
    page = open_page()
    visitor = Visitor(page)
    visitor.go("Reports")
    visitor.click(page.get_by_role("link", name="Yesterday"))
    worst = page.locator("[data-part=errors-by-name] tbody tr").first
    expect(worst.locator("th")).to_have_text("crm.view deal")
    assert visitor.clicks == 2  # what failed, and how often
    bars = page.locator("[data-part=failures] .stack a[aria-label*=' error,']")
    peak = max(bars.all(), key=failures)
    failed = failures(peak)
    assert failed >= FAILED
    visitor.click(peak)
    expect(page.locator("a.open")).to_have_count(failed)
    page.wait_for_load_state()
    assert page.locator("td", has_text="OperationalError").count() >= FAILED
    assert visitor.clicks == 3  # when, and why
    visitor.click(page.locator("tr", has_text="user3@company.com").locator("a.open").first)
    expect(page.locator(".details")).to_contain_text("OperationalError")
    assert visitor.clicks == 4  # and all of one of them


def test_what_did_this_person_do_before_the_deal_was_deleted(open_page: OpenPage) -> None:
    page = open_page()
    visitor = Visitor(page)
    visitor.go("Customers")
    visitor.click(page.locator("[data-part=f-deleted] .value a"))
    expect(page.locator("h1")).to_have_text("Activities")
    visitor.click(page.locator("tr", has_text="4711").locator("a.open"))
    visitor.click(page.get_by_role("link", name="What they did before"))
    expect(page.locator(".chip-value")).to_have_text(ADA)
    assert visitor.clicks == 4
    page.wait_for_load_state()
    done = page.locator("tr[id] td:nth-child(3)").all_inner_texts()
    assert [name.partition(".")[2] for name in done] == ["delete_deal", *reversed(DONE_BEFORE)]


def test_which_step_loses_customers_and_who_they_are(open_page: OpenPage) -> None:
    page = open_page()
    visitor = Visitor(page)
    visitor.go("Funnels")
    visitor.click(page.locator(".examples a").first)
    headline = page.locator(".headline")
    expect(headline).to_contain_text("Most are lost after step")
    assert visitor.clicks == 2  # which step
    lost = int(re.split(r"\D", headline.locator("a").inner_text())[0])
    visitor.click(headline.locator("a"))
    expect(page.locator("#people li")).to_have_count(lost)
    assert visitor.clicks == 3  # and who
    visitor.click(page.locator("#people a.note").first)
    expect(page.locator("h1")).to_have_text("Activities")
    page.wait_for_load_state()
    assert page.locator("a.open").count() > 0  # and what they did on the way
