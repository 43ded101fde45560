"""What the dashboard costs who looks at it.

    python -m bench.dashboard [--rows 200000] [--rounds 7] [--screens overview activities]

An embedded PostgreSQL with a made-up past of 30 days, `prelude analytics` as a process of its own, and Debian's Chromium. It prints the bytes of
all scripts as they travel; when each screen is painted first, in a browser that has nothing of ours yet (cold) and in one that has the styles and
scripts (warm), by the browser's own entries, counted from the beginning of the navigation; how long after a click on a name of the overview the
page with the new figures is painted; and what axe-core finds on each screen in both themes.
"""

from __future__ import annotations

import argparse
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import sync_playwright

from bench.database import fresh_database
from bench.live import analytics
from prelude_analytics.access import issue
from prelude_dashboard.assets import assets
from prelude_store.connection import connect
from prelude_store.rollups.rebuild import rebuild
from prelude_store.seed.load import load
from prelude_store.seed.plan import past
from prelude_store.timeline.build import build_all
from tests.browser.test_foundation import SCREENS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

AXE: Final = Path(__file__).parents[1] / "tests" / "browser" / "vendor" / "axe.min.js"
PAINTED: Final = """() => new Promise(resolve => new PerformanceObserver(list => {
    const found = list.getEntriesByName("first-contentful-paint")[0];
    if (found) resolve(found.startTime);
}).observe({ type: "paint", buffered: true }))"""
# The moment of a click outlives the page on which it was made.
CLICKED: Final = """() => addEventListener("click", event => {
    sessionStorage.setItem("clicked", performance.timeOrigin + event.timeStamp);
}, { capture: true })"""
SINCE_CLICK: Final = "painted => performance.timeOrigin + painted - Number(sessionStorage.getItem('clicked'))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--screens", nargs="*", help="parts of paths; all screens unless given")
    asked = parser.parse_args()
    screens = [
        one for one in SCREENS if not asked.screens or any(part in (one or "overview") for part in asked.screens)
    ]

    scripts = {name: len(one.zipped) for name, one in assets().items() if name.endswith(".js")}
    print(f"scripts, gzipped: {sum(scripts.values())} bytes in {len(scripts)} files")
    with fresh_database() as (database, _):
        for _ in load(database, past(asked.rows, 30, datetime.now(UTC) - timedelta(minutes=2), "dashboard"), 1):
            pass
        rebuild(database)
        build_all(database)
        with connect(database, "bench-token") as connection:
            token = issue.create(connection, "all", user=None, valid_for=timedelta(hours=1), name="bench").token
        with analytics(database, 100) as (host, _), sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), chromium_sandbox=os.geteuid() != 0
            )
            look(browser, f"http://{host}", token, screens, asked.rounds)
            browser.close()


def look(browser: Browser, url: str, token: str, screens: list[str], rounds: int) -> None:
    """All measurements, printed as they come."""
    state = signed_in(browser, url, token)
    print(f"{'first paint, ms (median of ' + str(rounds) + ')':60} {'cold':>8} {'warm':>8} {'worst':>8}")
    for screen in screens:
        cold, warm = [], []
        for _ in range(rounds):
            context = browser.new_context(base_url=url, storage_state=state)
            page = context.new_page()
            cold.append(painted(page, screen))
            warm.append(painted(page, screen))
            context.close()
        print(f"{'/analytics' + screen:60.60} {median(cold):8.0f} {median(warm):8.0f} {max(cold + warm):8.0f}")
    print(f"{'from a click on a name to its figures, ms':60} {interaction(browser, url, state, rounds):8.0f}")
    for scheme in ("light", "dark"):
        context = browser.new_context(base_url=url, storage_state=state, color_scheme=scheme)
        for screen in screens:
            print(f"{'axe-core, ' + scheme + ', /analytics' + screen:60.60} {violations(context, screen):8}")
        context.close()


def signed_in(browser: Browser, url: str, token: str) -> Any:
    """The cookies of a session."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/analytics")
    page.fill("#token", token)
    page.click("form button")
    page.wait_for_selector("h1")
    state = context.storage_state()
    context.close()
    return state


def painted(page: Page, screen: str) -> float:
    """When a screen is painted first, in milliseconds from the beginning of the navigation."""
    page.goto(f"/analytics{screen}")
    return float(page.evaluate(PAINTED))


def interaction(browser: Browser, url: str, state: Any, rounds: int) -> float:
    """Milliseconds, the median."""
    context = browser.new_context(base_url=url, storage_state=state)
    page = context.new_page()
    found = []
    for number in range(rounds):
        page.goto("/analytics?days=30")
        page.evaluate(CLICKED)
        page.locator("[data-part=names] a.name").nth(number % 5).click()
        page.wait_for_selector(".chip")
        found.append(float(page.evaluate(SINCE_CLICK, page.evaluate(PAINTED))))
    context.close()
    return median(found)


def violations(context: BrowserContext, screen: str) -> int:
    """How many rules of axe-core a screen breaks."""
    page = context.new_page()
    page.goto(f"/analytics{screen}")
    found = page.evaluate(f"{AXE.read_text(encoding='utf-8')};axe.run({{resultTypes: ['violations']}})")
    page.close()
    return len(found["violations"])


if __name__ == "__main__":
    main()
