"""The screen Governance in a browser: requests and their deadlines, what waits, keys, and that it is fit for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from prelude_store.seals import keys, passes
from prelude_store.seals.sealer import connected
from prelude_store.writer import Batch, Writer
from tests.support.analytics import ADA, Analytics, running_analytics
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
HOSTILE = "<script>alert(1)</script>"
DAY_US = 86_400_000_000


@pytest.fixture
def dashboard(database: str, tmp_path: Path) -> Iterator[Analytics]:
    """Instead of the one that all tests share: a small sealed log with requests, a policy, a hold, and something that waits."""
    writer = Writer(as_role(database, "writer"))
    writer.write(Batch(rows=[make_row(user_email=ADA, timestamp_us=now_us() - n * DAY_US) for n in range(40)]))
    writer.close()
    with running_analytics(database, requests_per_second=0) as service, service.signed("govern") as client:
        now = datetime.now(UTC)
        for kind, user, days in (
            ("erasure", ADA, 3), ("access", "bob@company.com", 26), ("objection", "eve@company.com", 45), ("rectification", ADA, 1),
        ):  # fmt: skip
            sent = {
                "kind": kind,
                "user_email": user,
                "received_at": (now - timedelta(days=days)).isoformat(),
                "note": HOSTILE,
            }
            assert client.post("/governance/requests", json=sent).status_code == 201
        client.put("/governance/policies", json={"keep": "30d", "class": "person", "reason": HOSTILE})
        client.post("/governance/holds", json={"entity_type": "deal", "entity_id": HOSTILE, "reason": HOSTILE})
    key = keys.generate(tmp_path / "seal.key")
    with connected(as_role(database, "sealer"), "test") as sealing:
        passes.admit(sealing, key)
        while passes.carry_out(sealing, key).left:
            pass
    with (
        running_analytics(database, requests_per_second=0, four_eyes=True) as running,
        running.signed("govern") as client,
    ):
        client.put("/governance/policies", json={"keep": "1y", "reason": HOSTILE})
        yield running


def said(page: Page, part: str) -> str:
    return page.locator(f"[data-part={part}] .value").inner_text()


def test_what_is_due_first_comes_first_and_is_marked(open_page: OpenPage) -> None:
    page = open_page(role="govern")
    page.goto("/analytics/governance")
    assert (said(page, "g-requests"), said(page, "g-consent"), said(page, "g-held")) == ("4", "1", "1")
    marks = page.locator("[data-part=requests] tbody .status:has(svg)")
    assert [(one.get_attribute("class") or "").split()[-1] for one in marks.all()] == [
        "error",
        "timeout",
        "success",
        "success",
    ]
    expect(page.locator("[data-part=requests] tbody tr").first).to_contain_text("over")
    page.locator("[data-part=requests] a.open").first.click()
    expect(page.locator(".details")).to_contain_text(HOSTILE)


def test_without_scripts_an_erasure_is_proposed_and_another_one_consents(
    open_page: OpenPage, dashboard: Analytics
) -> None:
    page = open_page(role="govern", scripts=False)
    page.goto("/analytics/governance?open=1")
    page.fill("#confirm", ADA)
    page.get_by_role("button", name="Erase").click()
    expect(page.locator(".said")).to_contain_text("It waits for the consent of somebody else")
    row = page.locator("[data-part=proposals] tbody tr", has_text="Erasure, request 1")
    expect(row.get_by_role("button")).to_have_text(["Withdraw"])
    other = open_page(role="govern", scripts=False)
    other.goto("/analytics/governance")
    other.locator("[data-part=proposals] tbody tr", has_text="Erasure, request 1").get_by_role(
        "button", name="Consent"
    ).click()
    expect(other.locator(".said")).to_contain_text("You have consented")
    for _ in range(100):
        if other.locator(".details", has_text="number 1, as a file").count():
            break
        other.wait_for_timeout(100)
        other.reload()
    expect(other.locator(".details")).to_contain_text("done")
    expect(other.locator("[data-part=receipts] tbody tr")).to_have_count(1)


def test_forms_that_fold_set_policies_and_holds(open_page: OpenPage) -> None:
    page = open_page(role="govern", scripts=False)
    page.goto("/analytics/governance")
    page.get_by_text("Hold something …").click()
    page.locator("[data-part=holds] [name=entity_type]").fill("customer")
    page.locator("[data-part=holds] form.wide [name=reason]").fill("case 8")
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.locator("[data-part=proposals]")).to_contain_text("Hold every customer")
    page.goto("/analytics/governance")
    page.get_by_text("Show what would go").click()
    expect(page.locator(".plan")).to_contain_text("rows lose them")


def test_the_last_checkpoint_is_there_to_copy(open_page: OpenPage) -> None:
    page = open_page(role="govern")
    page.goto("/analytics/governance")
    expect(page.locator("[data-part=seals] pre")).to_contain_text("— prelude-otel/log/")
    root = page.locator("[data-part=seals] .root").inner_text()
    assert root in page.locator("[data-part=seals] pre").inner_text()
    assert page.locator("[data-part=seals] [data-copy]").nth(1).get_attribute("data-copy") == root


def test_axe_finds_nothing_and_it_fits(open_page: OpenPage, violations: Violations) -> None:
    for dark, width in ((False, 1280), (True, 1280), (False, 360), (True, 360)):
        page = open_page(role="govern", dark=dark, width=width)
        page.goto("/analytics/governance?open=1&plan=1")
        page.get_by_text("Set a policy …").click()
        page.get_by_text("Hold something …").click()
        page.get_by_text("New request …").click()
        expect(page.locator(".details")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keys_alone_lead_to_a_request(open_page: OpenPage) -> None:
    page = open_page(role="govern")
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("g")
    expect(page.locator("h1")).to_have_text("Governance")
    page.wait_for_load_state()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_be_visible()


@pytest.mark.parametrize("role", ["self", "all"])
def test_others_do_not_see_it(open_page: OpenPage, role: str) -> None:
    page = open_page(role=role)
    page.goto("/analytics")
    assert page.locator("[data-key=g]").count() == 0
