"""Sessions, people, customers and deals in a browser: drill-down, both themes, and all sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Violations = Callable[[Page], list[str]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_session_opens_from_its_row_and_a_mark_of_the_ribbon_leads_to_its_activity(
    open_page: Callable[..., Page], violations: Violations, *, dark: bool
) -> None:
    page = open_page(dark=dark, width=360 if dark else 1280)
    page.goto("/analytics/sessions?days=30&errors=1")
    page.locator("a.over.ill").first.click()
    expect(page.locator(".chip-value")).to_have_text("error")
    page.wait_for_load_state()
    failed = page.locator("a.open").count()
    assert failed == page.locator(".ribbon a").count() > 0
    page.locator(".chip a").click()
    expect(page.locator(".chip")).to_have_count(0)
    page.wait_for_load_state()
    assert page.locator(".ribbon a").count() == page.locator("a.open").count() > failed
    page.locator(".ribbon a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr:target")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= (360 if dark else 1280)
    page.go_back()
    page.go_back()
    expect(page.locator(".chip-value")).to_have_text("error")


def test_from_a_customer_to_who_viewed_it_and_what_else_they_did(open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.locator("h1")).to_have_text("Customers")
    page.locator(".people a.open").first.click()
    expect(page.locator("h1")).to_contain_text("customer ")
    page.locator("[data-part=who] a.name").first.click()
    expect(page.locator(".above")).to_have_text("People")
    person = page.locator("h1").inner_text()
    page.locator("[data-part=f-count] .value a").click()
    expect(page.locator("h1")).to_have_text("Activities")
    expect(page.locator(".chip-value").first).to_have_text(person)
    page.go_back()
    expect(page.locator("h1")).to_have_text(person)


def test_pages_about_things_with_names_that_break_pages_show_them_as_text(open_page: Callable[..., Page]) -> None:
    page = open_page(width=360)
    page.goto("/analytics/sessions?days=2")
    about = "a[href*='/session?'], a[href*='/person?']"
    strange = "els => els.map(e => e.getAttribute('href')).filter(href => /script|onerror|hsereh|%E2%80%AE|lllll|\\u2026/.test(href))"
    found = set(page.locator(about).evaluate_all(strange))
    page.goto("/analytics/customers?days=2")
    found |= set(page.locator("a[href*='/entity?']").evaluate_all(strange))
    assert len(found) >= 6
    for href in sorted(found)[::2]:
        page.goto(href)
        assert page.locator("h1").inner_text() not in ("Not found", "Internal error", "Prelude"), href
        assert page.locator("body[data-refresh]").count() == 1, href
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, href
