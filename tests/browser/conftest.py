"""Debian's Chromium on a dashboard with a past. A message on the console or a request to another host fails the test."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.dashboard import hostile_rows, running_dashboard

if TYPE_CHECKING:
    from prelude_analytics.access import Role
    from tests.support.analytics import Analytics
    from tests.support.postgres import TestServer

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def dashboard(postgres: TestServer) -> Iterator[Analytics]:
    """A dashboard with 20,000 rows behind it, and some with texts that no page should break on, for all tests of the session."""
    with running_dashboard(postgres, also=hostile_rows()) as service:
        yield service


@pytest.fixture(scope="module")  # no longer: it leaves an event loop running, in which other tests could not run theirs
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        said = "the tests in a browser need chromium on PATH: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as playwright:
        # The sandbox of Chromium does not start as root, which CI often is.
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


@contextmanager
def opening(chromium: Browser, dashboard: Analytics) -> Iterator[OpenPage]:
    """Opens pages, each in a browser of its own, and looks at what they do until the end; `forgiven` is a pattern of what may stand on its console."""
    contexts: list[Any] = []
    faults: list[str] = []

    def opened(
        path: str = "",
        *,
        role: Role | None = "all",
        user: str | None = None,
        dark: bool = False,
        width: int = 1280,
        height: int = 800,
        scripts: bool = True,
        forgiven: str = "(?!)",
    ) -> Page:
        context = chromium.new_context(
            base_url=dashboard.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("console", lambda said: faults.append(said.text) if _is_fault(said, forgiven) else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(dashboard.url) else faults.append(sent.url))
        page.goto(f"/analytics{path}")
        if role is not None:
            page.fill("#token", dashboard.token(role, user).token)
            with page.expect_navigation():  # until it is loaded: what is counted at once is all there
                page.click("form button")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(said: ConsoleMessage, forgiven: str) -> bool:
    return not re.search(forgiven, said.text)


@pytest.fixture
def open_page(chromium: Browser, dashboard: Analytics) -> Iterator[OpenPage]:
    """Opens a page in a browser of its own: ``open_page("/activities", role="all", dark=False, width=1280, height=800)``."""
    with opening(chromium, dashboard) as opened:
        yield opened


@pytest.fixture(scope="module")
def open_pages(chromium: Browser, dashboard: Analytics) -> Iterator[OpenPage]:
    """As `open_page`, for pages that all tests of a module share."""
    with opening(chromium, dashboard) as opened:
        yield opened


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """What axe-core finds wrong with a page; of long lists it sees the first rows, since the others are like them, and it is slow."""

    def found(page: Page) -> list[str]:
        page.locator("tbody tr:nth-child(n+15), .who-list li:nth-child(n+15)").evaluate_all(
            "rows => rows.forEach(row => row.remove())"
        )
        result = page.evaluate(f"{AXE.read_text(encoding='utf-8')};axe.run({{resultTypes: ['violations']}})")
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in result["violations"]]

    return found
