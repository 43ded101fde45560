"""Who comes and goes: signing in and out, a session that ends while a page is open, a link that is shared, and what roles see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from prelude_store.connection import connect

if TYPE_CHECKING:
    from tests.support.analytics import Analytics

OpenPage = Callable[..., Page]


def test_a_shared_link_shows_the_same_in_another_browser_after_signing_in(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/analytics?days=30&stack=type&tz=Asia/Kolkata")
    page.locator("[data-part=names] .num a").first.click()
    page.locator("a.open").nth(4).click()
    expect(page.locator(".details")).to_be_visible()
    shared = page.url.partition("/analytics")[2]
    colleague = open_page(shared, dark=True)
    expect(colleague.locator(".details h2")).to_have_text(page.locator(".details h2").inner_text())
    assert colleague.url == page.url
    for one in (page, colleague):
        one.wait_for_load_state()
    for what in (".chip", "a.open time", ".zone"):
        assert colleague.locator(what).all_inner_texts() == page.locator(what).all_inner_texts(), what


def test_signing_out_ends_the_session_for_all_pages(open_page: OpenPage) -> None:
    page = open_page("/people")
    expect(page.locator("h1")).to_have_text("People")
    other = page.context.new_page()
    other.goto("/analytics/reports?days=30")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Sign in")
    other.locator(".nav a", has_text="Overview").click()
    expect(other.locator("h1")).to_have_text("Sign in")


def test_a_session_that_ends_while_a_page_is_open_leads_to_signing_in_and_back(
    open_page: OpenPage, dashboard: Analytics
) -> None:
    page = open_page("/activities?days=30&result_status=error")
    expect(page.locator("h1")).to_have_text("Activities")
    page.wait_for_load_state()
    with connect(dashboard.database, "test-end") as connection:
        connection.execute("UPDATE analytics_sessions SET expires_at = now()")
        connection.commit()
    page.keyboard.press("r")
    expect(page.locator("h1")).to_have_text("Sign in")
    page.fill("#token", dashboard.token("all").token)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Activities")
    expect(page.locator(".chip-value")).to_have_text("error")


def test_roles_see_what_is_theirs(open_page: OpenPage) -> None:
    governor = open_page("/people", role="govern")
    expect(governor.locator(".empty")).to_contain_text("It needs a token with the role all")
    governor.goto("/analytics/customers?days=30")
    expect(governor.locator("[data-part=engagement] .note").first).to_contain_text("by whom is not shown here")
    assert governor.locator("a[aria-label$='viewed it: who']").count() == 0
    governor.goto("/analytics/reports?days=30")
    expect(governor.locator("[data-part=emails] .empty")).to_contain_text("No names for this token")
    oneself = open_page("/activities?days=7&columns=user", role="self", user="user@company.com")
    expect(oneself.locator("h1")).to_have_text("Activities")
    assert set(oneself.locator("td.cut").all_inner_texts()) == {"user@company.com"}
    oneself.goto("/analytics/people?days=7")
    expect(oneself.locator("a.open")).to_have_count(1)
    oneself.locator("a.open").click()
    expect(oneself.locator("h1")).to_have_text("user@company.com")
