"""Every screen of a log in which nothing is yet: it says so, and what to do; fit for everybody, in both themes and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from prelude_store.writer import Batch, Writer
from tests.support.dashboard import running_dashboard
from tests.support.postgres import as_role
from tests.support.rows import make_row, now_us

if TYPE_CHECKING:
    from tests.support.analytics import Analytics
    from tests.support.postgres import TestServer

OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]

ARRIVE = "They appear here by themselves once a service sends some. prelude doctor checks the way"
SCREENS: dict[str, tuple[Any, str, str]] = {
    "": ("all", "Overview", ARRIVE),
    "/live": ("all", "Live", "appears here by itself"),
    "/activities": ("all", "Activities", ARRIVE),
    "/sessions": ("all", "Sessions", ARRIVE),
    "/people": ("all", "People", ARRIVE),
    "/person?user_email=user@company.com": ("all", "user@company.com", ARRIVE),
    "/customers": ("all", "Customers", ARRIVE),
    "/entity?entity_type=deal&entity_id=789": ("all", "deal 789", ARRIVE),
    "/funnels": ("all", "Funnels", ARRIVE),
    "/funnels?steps=crm.view_deal~crm.update_deal": ("all", "Funnels", ARRIVE),
    "/cohorts": ("all", "Cohorts", ARRIVE),
    "/paths": ("all", "Paths", ARRIVE),
    "/reports": ("all", "Reports", ARRIVE),
    "/system": ("govern", "System", "Lags are told as soon as some come"),
    "/governance": ("govern", "Governance", "Take a request in as soon as it comes"),
    "/reports?days=30": ("govern", "Reports", "Audit trail"),
    "/audit": ("govern", "Audit trail", "Sealing needs a key"),
    "/sign-in": (None, "Sign in", "prelude token create"),
}
"""The role that looks, the title, and words that say what to do."""


@pytest.fixture(scope="module")
def dashboard(postgres: TestServer) -> Iterator[Analytics]:
    """Instead of the one that all tests share: nothing."""
    with running_dashboard(postgres, 0) as service:
        yield service


@pytest.mark.parametrize("role", ["all", "govern", None])
@pytest.mark.parametrize(
    ("dark", "width"), [(False, 1280), (False, 360), (True, 360)], ids=["light", "light, 360 px", "dark, 360 px"]
)
def test_an_empty_log_says_what_to_do(
    open_page: OpenPage, violations: Violations, role: Any, *, dark: bool, width: int
) -> None:
    page = open_page(role=role, dark=dark, width=width)
    if role is not None:
        expect(page.locator("h1")).to_have_text("Overview")
    for path, (whose, title, words) in SCREENS.items():
        if whose != role:
            continue
        page.goto(f"/analytics{path}")
        expect(page.locator("h1")).to_have_text(title)
        assert words in " ".join(page.locator("main").inner_text().split()), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert "longer range" not in page.locator("main").inner_text(), path  # there is nothing in any
        assert violations(page) == [], path


def test_what_says_that_nothing_has_come_goes_by_itself_when_something_has(
    open_page: OpenPage, dashboard: Analytics
) -> None:
    page = open_page()
    notice = page.locator("[data-part=notice]")
    expect(notice).to_contain_text("No activity has arrived yet")
    page.wait_for_load_state()
    writer = Writer(as_role(dashboard.database, "writer"))
    writer.write(Batch(rows=[make_row(timestamp_us=now_us())]))
    writer.close()
    page.keyboard.press("r")
    expect(notice).to_be_empty()
