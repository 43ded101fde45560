"""Activities in a browser: columns, one row with all its fields, what loads and what is new; by keys, and with any text in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, Route, expect

from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

if TYPE_CHECKING:
    from tests.support.analytics import Analytics

OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
EVERY = "status~activity~user~entity~page~took~session~service~address~browser~category~data~result~tags~trace"


def test_columns_are_chosen_without_scripts_and_stay(open_page: OpenPage) -> None:
    page = open_page("/activities?days=30", scripts=False)
    page.locator("summary", has_text="Columns").click()
    for name in ("User", "Entity", "Page", "Took"):
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_label("Browser", exact=True).check()
    page.get_by_role("button", name="Show").last.click()
    titles = page.locator("thead th")
    expect(titles).to_have_text(["Time", "Status", "Activity", "Browser"])
    page.locator("a.open").first.click()
    expect(page.locator(".details")).to_be_visible()
    page.locator("a[rel=next]").click()
    expect(titles).to_have_text(["Time", "Status", "Activity", "Browser"])
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("link", name="The usual ones").click()
    expect(titles).to_have_count(7)


def test_details_fold_copy_and_lead_to_the_trace(open_page: OpenPage) -> None:
    page = open_page("/activities?days=30&action_name=create_deal")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("a.open").first.click()
    data = page.locator(".json").first
    expect(data.locator(".json-key").first).to_be_visible()
    data.locator("summary").first.click()
    expect(data.locator(".json-key").first).to_be_hidden()
    with page.expect_response(lambda answer: "/activities?" in answer.url):
        page.keyboard.press("r")
    expect(data.locator(".json-key").first).to_be_hidden()
    copy = page.get_by_role("button", name="Copy trace id")
    copy.click()
    expect(copy).to_have_text("Copied")
    trace = page.evaluate("navigator.clipboard.readText()")
    assert len(trace) == 32
    assert page.get_by_role("link", name="Trace").get_attribute("href") == f"https://tempo.example/trace/{trace}"


def test_what_is_new_comes_above_and_what_one_reads_stays_where_it_is(
    open_page: OpenPage, dashboard: Analytics
) -> None:
    page = open_page("/activities?days=30")
    room = page.locator(".scroll")
    room.evaluate("element => { element.scrollTop = 700; }")
    row = page.locator("tr[id]").nth(30)
    link, name = row.locator("a.open"), row.get_attribute("id")
    link.focus()
    before = row.bounding_box()
    assert before
    writer = Writer(as_role(dashboard.database, "writer"))
    writer.write(Batch(rows=[make_row(action_name="arrived_just_now") for _ in range(3)]))
    writer.close()
    with page.expect_response(lambda answer: "/activities?" in answer.url):
        page.keyboard.press("r")
    expect(page.locator("td", has_text="arrived_just_now")).to_have_count(3)
    after = page.locator(f"#{name}").bounding_box()
    assert after
    assert abs(after["y"] - before["y"]) < 2
    expect(page.locator(f"#{name} a.open")).to_be_focused()


def test_while_the_next_page_is_on_its_way_cards_show_that_they_fill(open_page: OpenPage) -> None:
    page = open_page("/activities?days=30")
    page.wait_for_load_state()

    # The page that is left can be asked nothing while the next one comes, so it notes what it shows.
    page.evaluate("""() => new MutationObserver(() => {
        if ("loading" in document.documentElement.dataset) sessionStorage.setItem("shown", getComputedStyle(document.querySelector("table")).visibility);
    }).observe(document.documentElement, { attributes: true })""")

    def slowly(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/analytics/reports**", slowly)
    page.locator(".nav a", has_text="Reports").click()
    expect(page.locator("h1")).to_have_text("Reports")
    assert page.evaluate("sessionStorage.getItem('shown')") == "hidden"
    expect(page.locator("html[data-loading]")).to_have_count(0)


def test_what_can_not_be_renewed_is_said_with_the_id_of_the_request(open_page: OpenPage) -> None:
    page = open_page(forgiven="503")
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_load_state()
    page.route("**/analytics", lambda route: route.fulfill(status=503, headers={"x-request-id": "abc123"}))
    page.keyboard.press("r")
    expect(page.locator("html[data-stale]")).to_have_count(1)
    said = page.locator(".fresh").evaluate("one => getComputedStyle(one, '::after').content")
    assert "no answer now" in said
    assert "(request abc123)" in said
    page.unroute("**/analytics")
    page.keyboard.press("r")
    expect(page.locator("html[data-stale]")).to_have_count(0)


def test_a_whole_task_by_keys_alone(open_page: OpenPage) -> None:
    """Which errors did this person meet, and what came before the newest of them?"""
    page = open_page()
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.locator("h1")).to_have_text("Activities")
    page.wait_for_load_state()
    page.keyboard.press("/")
    page.keyboard.type("result")
    page.keyboard.press("Tab")
    page.keyboard.type("error")
    page.keyboard.press("Enter")
    expect(page.locator(".chip-value")).to_have_text("error")
    page.wait_for_load_state()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_be_visible()
    page.wait_for_load_state()
    link = page.get_by_role("link", name="What they did before")
    for _ in range(200):
        page.keyboard.press("Tab")
        if link.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".chip-name").first).to_have_text("user email")
    page.wait_for_load_state()
    assert page.locator("a.open").count() > 0
    page.go_back()
    expect(page.locator(".details")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("Escape")
    expect(page.locator(".details")).to_have_count(0)


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 360)])
def test_any_text_in_any_field_is_text(open_page: OpenPage, violations: Violations, *, dark: bool, width: int) -> None:
    page = open_page(f"/activities?days=2&columns={EVERY}", dark=dark, width=width)
    for text in ("<script>", "<img", "hsereh", "llllll"):
        row = page.locator("tr[id]", has_text=text if text != "hsereh" else "\u202e").first
        row.locator("a.open").click()
        expect(page.locator(".details .json").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, text
        assert page.locator("main script, main img[src=x]").count() == 0
    assert violations(page) == []
