"""The screen Live, while rows commit: nothing is left out, nothing comes twice, and nothing moves under somebody who reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from prelude_analytics.access import issue
from prelude_store.connection import connect
from prelude_store.row import SpanLength
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, BOB, Analytics, running_analytics
from tests.support.ports import free_ports
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us, waiting_row

if TYPE_CHECKING:
    from prelude_store.row import ActivityRow

OpenPage = Callable[..., Page]
AWAY = "WebSocket connection|ERR_CONNECTION_REFUSED"
"""What a browser says of a server that is away."""


class Server:
    """A service that can end and begin anew at the same address."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._port = free_ports("analytics")["analytics"]
        self._running = ExitStack()
        self.analytics = self.start()

    def start(self) -> Analytics:
        return self._running.enter_context(running_analytics(self._database, listen=self._port, requests_per_second=0))

    def stop(self) -> None:
        self._running.close()


@pytest.fixture
def server(database: str) -> Iterator[Server]:
    made = Server(database)
    yield made
    made.stop()


@pytest.fixture
def dashboard(server: Server) -> Analytics:
    """Instead of the one that all tests share: what is written here is counted."""
    return server.analytics


@pytest.fixture
def writer(database: str) -> Iterator[Writer]:
    made = Writer(as_role(database, "writer"))
    yield made
    made.close()


def write(writer: Writer, count: int = 1, **given: Any) -> list[ActivityRow]:
    rows = [make_row(**{"timestamp_us": now_us(), **given}) for _ in range(count)]
    writer.write(Batch(rows=rows))
    return rows


def live(page: Page, query: str = "") -> Page:
    page.goto(f"/analytics/live{query}")
    expect(page.locator("[data-link=connected]")).to_be_visible()
    return page


def listed(page: Page) -> list[str]:
    """Ids of rows, from the top."""
    found: list[str] = page.locator("[data-scroll] tbody tr").evaluate_all("rows => rows.map(row => row.id.slice(2))")
    return found


def test_rows_appear_on_top_as_they_commit(open_page: OpenPage, writer: Writer) -> None:
    before = write(writer, 3)
    page = live(open_page())
    expect(page.locator("[data-empty]")).to_be_hidden()
    (row,) = write(writer, action_name="view_deal", result_status="error", duration_ms=1234, user_email=ADA)
    first = page.locator("[data-scroll] tbody tr").first
    expect(first).to_have_id(f"r-{row.event_id}")
    assert [text.strip() for text in first.locator("td").all_text_contents()][1:] == [
        "error",
        "crm.view_deal",
        ADA,
        "deal 789",
        "/crm/deals",
        "1.2 s",
    ]
    assert sorted(listed(page)) == sorted([row.event_id, *(one.event_id for one in before)])
    # The script draws just what the server does.
    text = first.inner_text()
    page.reload()
    expect(page.locator("[data-link=connected]")).to_be_visible()
    assert page.locator(f"[id='r-{row.event_id}']").inner_text() == text


def test_a_row_that_the_script_draws_has_the_links_and_titles_of_one_that_the_server_draws(
    open_page: OpenPage, writer: Writer
) -> None:
    page = live(open_page(), "?tz=Europe/Berlin&action_type=crm")
    about: list[dict[str, Any]] = [
        {"user_email": ADA, "entity_type": "deal", "entity_id": "7 & 8/ü?#~"},
        {"user_email": None, "entity_type": None, "entity_id": None},
        {"entity_type": "customer", "entity_id": None},
        {"user_email": f"{'l' * 600}@company.com", "entity_id": "l" * 600},
    ]
    ids = [row.event_id for given in about for row in write(writer, **given)]
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(4)
    looks = """ids => ids.map(id => {
        const row = document.getElementById(`r-${id}`);
        row.querySelector(".ago").remove();
        const links = [...row.querySelectorAll("a")].map(link => {
            const address = new URL(link.href);
            return [link.className, link.textContent, address.pathname, ...[...address.searchParams].sort().map(String)];
        });
        return [links, [...row.cells].map(cell => [cell.className, cell.title, cell.textContent.trim()]), row.querySelector("time").title];
    })"""
    drawn = page.evaluate(looks, ids)
    assert [len(links) for links, *_ in drawn] == [3, 1, 2, 1]
    page.reload()
    expect(page.locator("[data-link=connected]")).to_be_visible()
    assert page.evaluate(looks, ids) == drawn


def test_links_of_a_row_that_came_lead_to_its_person_and_its_thing(open_page: OpenPage, writer: Writer) -> None:
    page = live(open_page(), "?action_type=crm")
    write(writer, user_email=ADA, entity_type="deal", entity_id="789")
    page.locator("[data-scroll] tbody a", has_text="deal 789").click()
    expect(page.locator("h1")).to_have_text("deal 789")
    page.go_back()
    page.locator("[data-scroll] tbody a", has_text=ADA).click()
    expect(page.locator("h1")).to_have_text(ADA)
    assert page.locator(".chip").count() == 0  # a page about one person takes no filters along


def test_an_empty_list_says_so_until_the_first_row(open_page: OpenPage, writer: Writer) -> None:
    page = live(open_page())
    expect(page.locator("[data-empty]")).to_contain_text("No rows yet")
    write(writer)
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(1)
    expect(page.locator("[data-empty]")).to_be_hidden()


def test_filters_of_the_address_count_for_what_comes_as_well(open_page: OpenPage, writer: Writer) -> None:
    write(writer, 2)
    write(writer, action_name="view_deal")
    page = live(open_page(), "?action_name=view_deal")
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(1)
    write(writer, 5)
    write(writer, action_name="view_deal")
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(2)
    page.locator(".chip a").click()
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(9)


def test_while_it_is_paused_rows_are_counted_and_wait(open_page: OpenPage, writer: Writer) -> None:
    write(writer, 4)
    page = live(open_page())
    page.keyboard.press("p")
    expect(page.locator("[data-pause]")).to_have_attribute("aria-pressed", "true")
    before = listed(page)
    came = write(writer, 12)
    expect(page.locator("[data-show]")).to_have_text("12 new: show")
    assert listed(page) == before
    page.locator("[data-show]").click()
    assert listed(page)[12:] == before
    assert sorted(listed(page)[:12]) == sorted(row.event_id for row in came)
    page.locator("[data-pause]").click()
    write(writer)
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(17)
    expect(page.locator("[data-show]")).to_be_hidden()


def test_nothing_moves_under_somebody_who_has_scrolled_away(open_page: OpenPage, writer: Writer) -> None:
    write(writer, 80)
    page = live(open_page())
    page.locator("[data-scroll]").evaluate("place => place.scrollTop = 600")
    row = page.locator("[data-scroll] tbody tr").nth(40)
    where = row.bounding_box()
    write(writer, 3)
    expect(page.locator("[data-show]")).to_have_text("3 new: show")
    assert row.bounding_box() == where
    page.locator("[data-scroll]").evaluate("place => place.scrollTop = 0")
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(83)


def test_nothing_moves_under_somebody_who_walks_the_rows_by_keys(open_page: OpenPage, writer: Writer) -> None:
    write(writer, 5)
    page = live(open_page())
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = listed(page)[1]
    write(writer, 2)
    expect(page.locator("[data-show]")).to_have_text("2 new: show")
    assert listed(page)[1] == chosen
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_contain_text(chosen)


def test_a_restart_of_the_server_leaves_no_gap_and_repeats_nothing(
    open_page: OpenPage, server: Server, writer: Writer
) -> None:
    page = live(open_page(forgiven=AWAY))
    ids = [row.event_id for row in write(writer, 10)]
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(10)
    for _ in range(2):
        server.stop()
        expect(page.locator("[data-link=waiting]")).to_contain_text("Reconnecting in")
        ids += [row.event_id for row in write(writer, 25)]
        server.start()
        expect(page.locator("[data-link=connected]")).to_have_text("Live")
        ids += [row.event_id for row in write(writer, 5)]
        expect(page.locator("[data-scroll] tbody tr")).to_have_count(len(ids))
    assert Counter(listed(page)) == Counter(ids)


def test_what_commits_between_the_page_and_its_socket_is_not_left_out(open_page: OpenPage, writer: Writer) -> None:
    page = open_page()
    ids = [row.event_id for row in write(writer, 2)]

    def late(route: Any) -> None:
        ids.extend(row.event_id for row in write(writer, 7))
        route.continue_()

    page.route("**/live.*.js", late)
    live(page)
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(9)
    assert Counter(listed(page)) == Counter(ids)


def test_a_row_whose_clock_is_ahead_is_among_the_newest(open_page: OpenPage, writer: Writer) -> None:
    (ahead,) = write(writer, timestamp_us=now_us() + 3_600_000_000)
    write(writer)
    page = live(open_page())
    assert listed(page)[0] == ahead.event_id
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(2)


def test_a_length_that_becomes_known_later_is_set(open_page: OpenPage, writer: Writer) -> None:
    page = live(open_page())
    row = waiting_row(timestamp_us=now_us())
    writer.write(Batch(rows=[row]))
    took = page.locator(f"[id='r-{row.event_id}'] td.num")
    expect(took).to_have_text("–")
    writer.write(Batch(spans=[SpanLength(row.trace_id or "", row.span_id or "", 7_000_000)]))
    expect(took).to_have_text("7 ms")


def test_the_role_self_sees_its_own_rows_come_and_no_others(open_page: OpenPage, writer: Writer) -> None:
    write(writer, user_email=BOB)
    page = live(open_page(role="self", user=ADA))
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(0)
    write(writer, 3, user_email=BOB)
    (own,) = write(writer, user_email=ADA)
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(1)
    assert listed(page) == [own.event_id]


def test_a_row_opens_beside_the_list_with_all_its_fields(open_page: OpenPage, writer: Writer) -> None:
    data = '{"deal_name":"<b>Big</b>","steps":[{"name":"first"},2,true,null]}'
    page = live(open_page())
    (row,) = write(writer, action_data=data, trace_id="a" * 32, span_id="b" * 16)
    page.locator("a.open").first.click()
    details = page.locator(".details")
    expect(details.get_by_text("<b>Big</b>")).to_be_visible()
    expect(details).to_contain_text("a" * 32)
    assert row.event_id in page.url
    write(writer)
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(2)  # it goes on
    details.locator("summary").first.click()
    expect(details.get_by_text('"first"')).to_be_hidden()
    page.go_back()
    expect(details).to_have_count(0)
    page.go_forward()
    expect(details).to_be_visible()
    page.keyboard.press("Escape")
    expect(details).to_have_count(0)


def test_more_rows_than_are_kept_leave_at_the_bottom(open_page: OpenPage, writer: Writer) -> None:
    write(writer, 100)
    page = live(open_page())
    last = [row.event_id for row in write(writer, 400)][-1]
    expect(page.locator(f"[id='r-{last}']")).to_be_visible()
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(300)
    expect(page.locator("[data-kept]")).to_have_text("300 newest rows")


def test_who_is_signed_out_is_told_so_and_led_back(open_page: OpenPage, server: Server) -> None:
    page = live(open_page(), "?action_type=crm")
    with connect(server.analytics.database, "test") as connection:
        for token in issue.tokens(connection):
            issue.revoke(connection, token.id)
    expect(page.locator("[data-link=out]")).to_contain_text("Signed out")
    page.locator("[data-link] a").click()
    expect(page.locator("#token")).to_be_visible()
    expect(page.locator("input[name=next]")).to_have_value("/analytics/live?action_type=crm")


def test_what_passed_by_is_said_with_the_way_to_it(open_page: OpenPage, writer: Writer) -> None:
    page = open_page()
    write(writer)
    sockets: list[Any] = []

    def between(socket: Any) -> None:
        """A browser that reads too slowly for 10,000 rows is hard to come by: the frame that it would get is put among the others."""
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/api/analytics/live*", between)
    live(page, "?action_type=crm")
    sockets[0].send('{"type": "missed", "missed": 1200, "cursor": "x"}')
    expect(page.locator("[data-notices]")).to_contain_text("1\u202f200 passed by; show them in Activities")
    page.locator("[data-notices] a").click()
    expect(page.locator("h1")).to_have_text("Activities")
    expect(page.locator(".chip-value")).to_have_text("crm")


def test_without_scripts_it_is_a_list_that_can_be_asked_again(open_page: OpenPage, writer: Writer) -> None:
    write(writer, 2)
    page = open_page(scripts=False)
    page.goto("/analytics/live")
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(2)
    expect(page.locator("[data-pause]")).to_be_hidden()
    write(writer)
    page.locator("[data-again]").click()
    expect(page.locator("[data-scroll] tbody tr")).to_have_count(3)
