"""Funnels, cohorts, paths and reports by the mouse, without scripts: what is drawn can be clicked, and opens as much as it says."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect


def number(text: str | None) -> int:
    """The first number of a text."""
    found = re.search(r"[\d\u202f]+", text or "")
    assert found, text
    return int(found[0].replace("\u202f", ""))


def test_marks_of_all_kinds_open_what_they_say(open_page: Callable[..., Page]) -> None:
    page = open_page(scripts=False)
    page.goto("/analytics/funnels?days=30")
    for name in ("view_customer", "generate_email", "send_email"):
        page.locator(f'a[title="Add {name}"]').click()
    expect(page.locator(".funnel > li")).to_have_count(3)
    page.locator('a[aria-label="Move step 3 up"]').click()
    expect(page.locator(".funnel > li").nth(1)).to_contain_text("send email")
    page.locator(".rules summary", has_text="within").click()
    page.locator("input[name=window]").fill("20d")
    page.keyboard.press("Enter")
    expect(page.locator(".rules summary", has_text="within 20 days")).to_be_visible()
    bar = page.locator(".funnel .bar a").nth(1)
    count = number(bar.get_attribute("aria-label"))
    bar.click()
    expect(page.locator("#people h2")).to_have_text(re.compile(rf"^{count} (person|people)$"))
    expect(page.locator("#people li")).to_have_count(count)
    page.go_back()
    expect(page.locator("#people")).to_have_count(0)

    page.goto("/analytics/cohorts?days=30&first=range&unit=week")
    cell = page.locator(".cohorts td[class^=k] a").nth(1)
    count = number(cell.get_attribute("aria-label"))
    cell.click()
    expect(page.locator("#people li")).to_have_count(count)

    page.goto("/analytics/paths?days=7&start=crm.create_deal")
    band = page.locator(".band").first
    count = number(band.get_attribute("aria-label"))
    assert 0 < count <= 100
    box = band.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#visits li")).to_have_count(count)
    page.locator("#visits a[title='The rows']").first.click()
    expect(page.locator("a.open")).to_have_count(2)

    page.goto("/analytics/reports?days=30")
    figure = page.locator("[data-part=errors-by-page] td a").last
    count = number(figure.text_content())
    figure.click()
    expect(page.locator("a.open")).to_have_count(count)
    page.go_back()
    bar = page.locator("[data-part=failures] .stack a").last
    count = number(bar.get_attribute("aria-label"))
    bar.click()
    expect(page.locator("a.open")).to_have_count(count)
