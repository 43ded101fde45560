"""Takes the pictures of docs/screenshots from a running `prelude up --demo`.

    python -m tests.browser.pictures --url http://127.0.0.1:8005 --token TOKEN --govern TOKEN [--furnish] [--only overview dark] [--into FOLDER]

The tokens are of the roles `all` and `govern`. Which person, session and names are shown is found on the pages themselves, so any past will do
that has some. Live waits for rows to come. With `--furnish` the log gets requests of persons, policies and holds first, which Governance shows.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
WIDE: Final = (1280, 800)
PHONE: Final = (360, 740)
ASKED: Final = (("objection", 36), ("access", 26), ("rename", 11), ("erasure", 4), ("rectification", 2))
KEPT: Final = (("2y", None, None), ("18mo", "crm.send_email", "content"), ("90d", None, "device"))
WAY: Final = "crm.view_customer~crm.create_deal~crm.update_deal"


def furnish(url: str, token: str) -> None:
    """What an office has after a while: requests, the newest last; policies that take nothing soon; holds."""
    now = datetime.now(UTC)
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{url}/api/analytics/governance", headers=headers, trust_env=False) as client:
        for place, (kind, days) in enumerate(ASKED):
            person = f"person{place}@customer.example"
            sent = {"kind": kind, "user_email": person, "received_at": (now - timedelta(days=days)).isoformat()}
            if kind == "rename":
                sent["new_user_email"] = "new.name@customer.example"
            client.post("/requests", json=sent).raise_for_status()
        for keep, action, kept in KEPT:
            kind, _, name = (action or "").partition(".")
            policy = {"keep": keep, "action_type": kind or None, "action_name": name or None, "class": kept}
            client.put("/policies", json=policy | {"reason": "decided by the board"}).raise_for_status()
        client.post("/holds", json={"entity_type": "deal", "entity_id": "789", "reason": "Case 114"}).raise_for_status()


def overview(page: Page) -> None:
    page.goto("/analytics?days=30")


def dark(page: Page) -> None:
    page.goto("/analytics?days=30&stack=type")


def small(page: Page) -> None:
    page.goto("/analytics?days=30")


def live(page: Page) -> None:
    page.goto("/analytics/live")
    expect(page.locator("[data-link=connected]")).to_be_visible()
    page.wait_for_timeout(30_000)  # the line of the rate needs a past
    page.locator("[data-scroll] tbody tr", has_text="update_deal").first.locator("a.open").click()
    expect(page.locator(".details .json").first).to_be_visible()
    page.locator("[data-pause]").click()
    page.wait_for_timeout(5_000)
    expect(page.locator("[data-show]")).to_be_visible()


def activities(page: Page) -> None:
    page.goto("/analytics/activities?days=30&action_name=create_deal")
    page.locator("a.open").nth(3).click()
    expect(page.locator(".details .json").first).to_be_visible()


def person(page: Page) -> None:
    page.goto("/analytics/people?days=30")
    page.locator("td a.open").first.click()


def session(page: Page) -> None:
    page.goto("/analytics/sessions?days=7&errors=1")
    rows = page.locator("tbody tr")
    counts = [int(text.replace("\u202f", "")) for text in rows.locator("td:nth-child(3)").all_inner_texts()]
    rows.nth(counts.index(max(counts))).locator("a.open").click()


def funnels(page: Page) -> None:
    page.goto(f"/analytics/funnels?days=30&steps={WAY}&open=lost-1")


def paths(page: Page) -> None:
    page.goto("/analytics/paths?days=7&start=crm.create_deal")


def system(page: Page) -> None:
    page.goto("/analytics/system")


def governance(page: Page) -> None:
    page.goto("/analytics/governance")
    waiting = page.locator("[data-part=requests] a.open")
    if waiting.count():  # one of the requests stands open
        waiting.nth(min(3, waiting.count() - 1)).click()
        expect(page.locator(".details")).to_be_visible()
        page.evaluate("scrollTo(0, 0)")


def audit(page: Page) -> None:
    page.goto("/analytics/audit?days=30&reads=on")


PICTURES: Final[dict[str, tuple[Callable[[Page], None], tuple[int, int], bool]]] = {
    "overview": (overview, WIDE, False),
    "activities": (activities, WIDE, False),
    "person": (person, WIDE, False),
    "session": (session, WIDE, False),
    "funnels": (funnels, (1280, 720), False),
    "paths": (paths, (1280, 640), False),
    "dark": (dark, WIDE, True),
    "small": (small, PHONE, False),
    "live": (live, WIDE, False),
    "system": (system, WIDE, False),
    "governance": (governance, (1280, 1180), False),
    "audit": (audit, (1280, 520), False),
}
"""What is shown, how large, and whether in the dark."""
OF_WHO_GOVERNS: Final = ("system", "governance", "audit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True, help="of the role all")
    parser.add_argument("--govern", required=True, help="of the role govern")
    parser.add_argument("--furnish", action="store_true")
    parser.add_argument("--only", nargs="*", choices=[*PICTURES], default=[*PICTURES])
    parser.add_argument("--into", type=Path, default=FOLDER)
    asked = parser.parse_args()
    if asked.furnish:
        furnish(asked.url, asked.govern)
    asked.into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=os.geteuid() != 0
        )
        for name in asked.only:
            token = asked.govern if name in OF_WHO_GOVERNS else asked.token
            take(browser, asked.url, token, name, asked.into / f"{name}.png")
        browser.close()


def take(browser: Browser, url: str, token: str, name: str, file: Path) -> None:
    """One picture, in a browser of its own."""
    show, (width, height), in_the_dark = PICTURES[name]
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": height}, color_scheme="dark" if in_the_dark else "light"
    )
    page = context.new_page()
    page.goto("/analytics/sign-in")
    page.fill("#token", token)
    page.click("form button")
    expect(page.locator("h1")).to_have_text("Overview")
    show(page)
    page.wait_for_load_state()
    page.wait_for_timeout(1200)  # ages are told, and nothing fades any more
    page.screenshot(path=file)
    context.close()
    print(f"{file} {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
