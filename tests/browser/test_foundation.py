"""What holds for every screen: reachable by everybody, at every size, in both themes, by keys alone, and without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

SCREENS = (
    "",
    "/live",
    "/activities",
    "/sessions",
    "/people",
    "/person?user_email=user@company.com&days=30",
    "/customers?days=30&open=101",
    "/entity?entity_type=customer&entity_id=101",
    "/funnels?days=30&steps=crm.view_customer~crm.send_email&by=service_name&open=lost-1",
    "/cohorts?days=30&unit=day&first=range",
    "/paths?days=30&open=1~crm.view_deal",
    "/reports?days=30",
    "/system",
)
Violations = Callable[[Page], list[str]]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(open_page: Callable[..., Page], violations: Violations, *, dark: bool) -> None:
    page = open_page(dark=dark)
    for screen in SCREENS:
        page.goto(f"/analytics{screen}")
        assert violations(page) == [], screen
    page.goto("/analytics/activities")
    page.locator("a.open").nth(2).click()
    expect(page.locator(".details")).to_be_visible()
    assert violations(page) == []
    signed_out = open_page(role=None, dark=dark)
    assert violations(signed_out) == []


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_no_page_is_wider_than_the_screen(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(width=width)
    for screen in SCREENS:
        page.goto(f"/analytics{screen}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, screen


@pytest.mark.parametrize("width", [360, 1280, 1440])
def test_no_list_is_cut_at_its_side_and_the_menu_shows_where_one_is(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(width=width)
    for screen in (
        "/live",
        "/activities",
        "/activities?days=30&result_status=error",
        "/sessions?days=30",
        "/people?days=30",
    ):
        page.goto(f"/analytics{screen}")
        expect(page.locator(".scroll tbody tr").nth(5)).to_be_visible()
        page.wait_for_function("() => [...document.querySelectorAll('.ago')].every((one) => one.textContent)")
        beyond = page.locator(".scroll").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
        assert beyond == [0] * len(beyond), screen
    for screen in ("", "/people", "/system"):
        page.goto(f"/analytics{screen}")
        expect(page.locator(".nav [aria-current]")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (3840, 2160)])
def test_the_overview_fits_on_a_wall_down_to_how_fresh_it_is(
    open_page: Callable[..., Page], width: int, height: int
) -> None:
    page = open_page("?kiosk=1", width=width, height=height)
    expect(page.locator(".fresh")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    expect(page.locator(".nav")).to_be_hidden()
    expect(page.locator(".ranges a")).to_have_count(6)
    expect(page.locator(".ranges a:visible")).to_have_text(["7 d"])  # nobody chooses there, but all want to know


def test_keys_alone_lead_to_a_row(open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.locator("h1")).to_have_text("Overview")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.locator("h1")).to_have_text("Activities")
    page.wait_for_load_state()  # what listens for keys is a module: it runs once the page has been read
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(page.locator("#filter-menu select")).to_be_focused()


def test_pages_read_and_filter_without_scripts(open_page: Callable[..., Page]) -> None:
    page = open_page(scripts=False)
    expect(page.locator(".figure").first).to_be_visible()
    page.locator("#types-title").locator("xpath=../..").locator("a.name").first.click()
    expect(page.locator(".chip")).to_have_count(1)


def test_looking_for_news_keeps_the_focus(open_page: Callable[..., Page]) -> None:
    page = open_page()
    link = page.locator("[data-part=names] a.name").nth(1)
    link.focus()
    with page.expect_response(lambda answer: answer.url.endswith("/analytics")):
        page.keyboard.press("r")
    expect(link).to_be_focused()
