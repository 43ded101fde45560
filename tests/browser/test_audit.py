"""The audit trail in a browser: its screen, the report behind it, and the sheets that the report is printed on."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenPage

Violations = Callable[["Page"], list[str]]


def test_axe_finds_nothing_on_the_screen_and_it_fits(open_page: OpenPage, violations: Violations) -> None:
    for dark, width in ((False, 1280), (True, 360)):
        page = open_page(role="govern", dark=dark, width=width)
        page.goto("/analytics/audit?user_email=ada@company.com&tag=vip&reads=on")
        expect(page.locator("h1")).to_have_text("Audit trail")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_report_with_hostile_texts_is_drawn_with_its_own_style_and_says_nothing_on_the_console(
    open_page: OpenPage, violations: Violations
) -> None:
    page = open_page(role="govern")
    page.goto("/analytics/reports")
    page.click("text=Audit trail")
    page.click("text=Add it")
    expect(page.locator(".doors .primary")).to_have_attribute("href", re.compile("reads=true"))
    page.goto("/api/analytics/governance/audit?days=1&reads=true")
    expect(page.locator(".end")).to_contain_text("End of the report")
    assert page.locator("bdi", has_text="<script>alert(1)</script>").count() > 3
    assert page.locator(".seal.not").evaluate("box => getComputedStyle(box).borderLeftWidth") == "4px"
    assert violations(page) == []


def test_each_sheet_of_paper_says_of_what_it_is_and_which_one(open_page: OpenPage) -> None:
    page = open_page(role="govern")
    page.goto("/api/analytics/governance/audit?days=2")
    many = page.pdf(prefer_css_page_size=True)
    assert _sheets(many) > 3
    assert b"/MediaBox [0 0 841" in many  # A4 landscape
    page.goto("/api/analytics/governance/audit?from=2020-01-01&to=2020-01-02")
    one = page.pdf(prefer_css_page_size=True)
    assert _sheets(one) == 1
    # Scope, period, maker and number stand beside the page itself.
    page.evaluate(
        "() => { const sheet = document.styleSheets[0];"
        " sheet.deleteRule([...sheet.cssRules].findIndex(rule => rule instanceof CSSPageRule)) }"
    )
    bare = page.pdf(
        format="A4", landscape=True, margin={"top": "19mm", "bottom": "16mm", "left": "12mm", "right": "12mm"}
    )
    assert _sheets(bare) == 1
    assert _texts(one) - _texts(bare) >= 4


def _sheets(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def _texts(pdf: bytes) -> int:
    """How often text is set."""
    found = 0
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found += len(re.findall(rb"\bBT\b", zlib.decompress(packed)))
        except zlib.error:
            continue
    return found
