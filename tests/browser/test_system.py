"""The screen System: its figures, the quarantine in the hands of those who govern, and for whom it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from prelude_store.writer import Batch, Writer
from tests.support.analytics import Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.quarantined import quarantine, record
from tests.support.rows import make_row, now_us

OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]


@pytest.fixture
def dashboard(database: str) -> Iterator[Analytics]:
    """Instead of the one that all tests share: a small log, and a quarantine."""
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - 1_000_000) for _ in range(30)]))
    writer.close()
    quarantine(database, record("perhaps"), record("maybe"), record())
    quarantine(database, record(deal_name="<script>alert(1)</script>"))  # the newest
    with running_analytics(database, requests_per_second=0) as running:
        yield running


def said(page: Page, part: str) -> str:
    return page.locator(f"[data-part={part}] .value").inner_text()


def test_its_figures_are_those_of_the_database(open_page: OpenPage, dashboard: Analytics) -> None:
    page = open_page()
    page.goto("/analytics/system")
    assert said(page, "f-rate") == "0.5"
    assert said(page, "f-quarantine") == "4"
    expect(page.locator(".reasons a")).to_have_text(["timestamp_out_of_range 2", "unknown_status 2"])
    with psycopg.connect(dashboard.database) as connection:
        (partitions,) = connection.execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'user_activity_logs'::regclass"
        ).fetchone() or (0,)
    expect(page.locator("[data-part=partitions] tbody tr")).to_have_count(partitions)
    page.locator(".reasons a").first.click()
    expect(page.locator(".entries tbody tr")).to_have_count(2)
    assert page.locator(".entries a.open").count() == 0  # the role all sees what waits, and opens nothing


def test_lags_of_a_young_log_are_those_of_its_last_hour_and_what_was_brought_in_has_none(
    open_page: OpenPage, dashboard: Analytics
) -> None:
    writer = Writer(as_role(dashboard.database, "writer"))
    writer.write(Batch(rows=[make_row(timestamp_us=now_us() - hours * 3_600_000_000) for hours in range(2, 20)]))
    writer.close()
    with psycopg.connect(dashboard.database) as connection:
        connection.execute("UPDATE prelude_migrations SET applied_at = now() - interval '40 minutes'")
    page = open_page()
    page.goto("/analytics/system")
    card = page.locator("[data-part=lag]")
    expect(card).to_contain_text("last hour, a step is five minutes")
    expect(card.locator("[data-part=began]")).to_contain_text("brought in afterwards")
    titles = card.locator(".over title").all_text_contents()
    assert [title.rsplit(" of ")[1] for title in titles] == ["0 rows"] * 11 + ["30 rows"]
    # A point lies in the middle of the step that tells of it.
    point, step = card.locator("path.p95").bounding_box(), card.locator(".over").last.bounding_box()
    assert point is not None
    assert step is not None
    assert abs(point["x"] + point["width"] / 2 - step["x"] - step["width"] / 2) < 1


def test_who_governs_opens_a_record_and_replays_it(open_page: OpenPage, dashboard: Analytics) -> None:
    page = open_page(role="govern")
    page.goto("/analytics/system?reason=timestamp_out_of_range")
    page.locator(".entries a.open").first.click()
    expect(page.locator(".details")).to_contain_text("<script>alert(1)</script>")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".said")).to_have_text("It is a row of the log now. Dismiss")
    assert said(page, "f-quarantine") == "3"
    expect(page.locator(".details")).to_contain_text("replayed")
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    page.goto("/analytics/activities?from=2023-01-01&to=2024-01-01")
    expect(page.locator("a.open")).to_have_count(1)


def test_what_is_wrong_in_itself_stays_until_it_is_discarded(open_page: OpenPage) -> None:
    page = open_page(role="govern", scripts=False)
    page.goto("/analytics/system?reason=unknown_status")
    page.locator(".entries a.open").first.click()
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".said")).to_contain_text("It can't become a row still")
    page.locator(".deeds summary").click()
    page.get_by_role("button", name="Discard for good").click()
    expect(page.locator(".said")).to_contain_text("The entry is gone for good.")
    assert said(page, "f-quarantine") == "3"


@pytest.mark.parametrize("role", ["self", "all"])
def test_others_neither_open_replay_nor_discard(open_page: OpenPage, dashboard: Analytics, role: Any) -> None:
    page = open_page(role=role)
    for path in ("?open=1", "/1/replay", "/1/discard"):
        method = "GET" if path.startswith("?") else "POST"
        answer = page.request.fetch(
            f"{dashboard.url}/analytics/system{path}", method=method, headers={"origin": dashboard.url}
        )
        assert answer.status == 403, path
    foreign = page.request.fetch(
        f"{dashboard.url}/analytics/system/1/replay", method="POST", headers={"origin": "null"}
    )
    assert foreign.status == 403
    page.goto("/analytics")
    assert page.locator("[data-key=y]").count() == (role == "all")


def test_axe_finds_nothing_and_it_fits(open_page: OpenPage, violations: Violations) -> None:
    for dark, width in ((False, 1280), (True, 360)):
        page = open_page(role="govern", dark=dark, width=width)
        page.goto("/analytics/system?open=4")
        expect(page.locator(".details")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keys_alone_lead_to_an_entry(open_page: OpenPage) -> None:
    page = open_page(role="govern")
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("y")
    expect(page.locator("h1")).to_have_text("System")
    page.wait_for_load_state()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("Escape")
    expect(page.locator(".details")).to_have_count(0)
