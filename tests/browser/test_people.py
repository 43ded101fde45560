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
    failed = page.locator("a.open").count()
    assert failed == page.locator(".ribbon a").count() > 0
    page.locator(".chip a").click()
    expect(page.locator(".chip")).to_have_count(0)
    assert page.locator(".ribbon a").count() == page.locator("a.open").count() > failed
    page.locator(".ribbon a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr:target")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= (360 if dark else 1280)
    page.go_back()
    page.go_back()
    expect(page.locator(".chip-value")).to_have_text("error")
