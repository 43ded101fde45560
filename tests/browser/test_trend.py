"""The trend by the pointer: thin parts can be hit, names of the legend narrow, and a stretch that is drawn over becomes the range."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from prelude_store.rollups.rebuild import rebuild
from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row

OpenPage = Callable[..., Page]
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def dashboard(database: str) -> Iterator[Analytics]:
    """Instead of the one that all tests share: many that succeed on two days, and two that fail on one of them."""
    writer = Writer(as_role(database, "writer"))
    for days, status, count in ((2, "success", 900), (2, "error", 2), (3, "success", 700), (4, "success", 3)):
        at = int((NOON - timedelta(days=days)).timestamp() * 1_000_000)
        writer.write(Batch(rows=[make_row(timestamp_us=at + n, result_status=status) for n in range(count)]))
    writer.close()
    rebuild(database)
    with running_analytics(database, requests_per_second=0) as running:
        yield running


def middle(mark: Locator) -> tuple[float, float, float]:
    """The middle of what a mark is drawn as, and how tall that is."""
    box = mark.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"]


def test_a_click_on_a_thin_part_opens_its_rows(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("h1")).to_have_text("Overview")
    part = page.locator(".stack a[aria-label*=' error,']")
    expect(part).to_have_attribute("aria-label", re.compile("^2 error"))
    x, y, tall = middle(part.locator(".fill"))
    assert tall < 3
    expect(part.locator(".hatch")).to_have_attribute("fill", "url(#hatch-error)")  # not by its colour alone
    reach = part.locator(".reach").bounding_box()
    assert reach
    assert reach["height"] >= 6
    page.mouse.click(x, y + 2)  # as near as a hand comes
    expect(page.locator("h1")).to_have_text("Activities")
    expect(page.locator("a.open")).to_have_count(2)
    page.wait_for_load_state()
    assert set(page.locator("td .status").all_inner_texts()) == {"error"}


def test_a_name_of_the_legend_narrows_and_thin_parts_grow(open_page: OpenPage) -> None:
    page = open_page(scripts=False)
    page.locator("[data-part=trend] a.key", has_text="error").click()
    expect(page.locator(".chip-value")).to_have_text("error")
    box = page.locator(".stack .fill").bounding_box()
    assert box
    assert box["height"] > 100


def test_a_stretch_that_is_drawn_over_is_the_new_range_and_back_leads_back(open_page: OpenPage) -> None:
    page = open_page("?days=7&tz=UTC")
    expect(page.locator("[data-part=f-count] .value")).to_have_text("1\u202f605")
    page.wait_for_load_state()
    first, last = (page.locator(".stack a[aria-label*=success] .fill").nth(place) for place in (0, 1))
    (x, y, _), (to, _, _) = middle(first), middle(last)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move((x + to) / 2, y - 30)
    page.mouse.move(to, y - 30)
    expect(page.locator(".brush")).to_have_count(1)
    page.mouse.up()
    expect(page.locator("[data-part=f-count] .value")).to_have_text("703")
    begin, end = ((NOON - timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z") for days in (4, 2))
    assert f"from={begin}&to={end}".replace(":", "%3A") in page.url
    assert "tz=UTC" in page.url
    page.go_back()
    expect(page.locator("[data-part=f-count] .value")).to_have_text("1\u202f605")
    page.locator(".stack a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Activities")


def test_what_is_let_go_by_escape_is_no_range(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_load_state()
    x, y, _ = middle(page.locator(".stack"))
    page.mouse.move(x - 200, y - 60)
    page.mouse.down()
    page.mouse.move(x, y - 60)
    expect(page.locator(".brush")).to_have_count(1)
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".brush")).to_have_count(0)
    assert "from=" not in page.url


def test_the_list_behind_a_bar_leads_to_the_overview_of_its_time(open_page: OpenPage) -> None:
    page = open_page(scripts=False)
    page.locator(".stack a[aria-label*=' error,']").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Overview of this time").click()
    expect(page.locator("h1")).to_have_text("Overview")
    expect(page.locator("[data-part=f-count] .value")).to_have_text("2")
    expect(page.locator(".chip-value")).to_have_text("error")
