"""What people do on a visit. A habit does one thing, yields, and goes on when its person has looked at the answer.

Together the habits give each of the eighteen activities of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from prelude_demo_crm.visitor.browser import Browser

Steps = Iterator[None]
Habit = Callable[[Browser, Random], Steps]

_SEARCHES = ("acme corp", "solberg", "robotics", "bank", "example", "nowak", "nobody at all")
_DEALS = ("Enterprise Contract", "Pilot", "Renewal", "Support Plan", "Expansion")
_STAGES = ("qualified", "proposal", "negotiation", "won", "lost")
_NOTES = ("Wants a reference customer.", "Budget moves to next quarter.", "Met the new head of purchasing.")
_CALLS = ("They agree on the price.", "Asked for six more weeks.", "No answer from legal yet; call again on Monday.")
_MEETINGS = ("Quarterly Business Review", "Product demonstration", "Contract review")
_EMAIL_TYPES = ("introduction", "followup", "proposal", "thank_you")
_METHODS = ("gmail_api_v2", "gmail_api_v2", "outlook_api_v2", "smtp")
_KEPT_DEALS = 4


def look_at_customers(browser: Browser, rng: Random) -> Steps:
    """Open the list, search, and look at somebody."""
    customers = browser.get("/crm/customers")
    yield
    found = browser.get("/crm/customers/search", q=rng.choice(_SEARCHES))["customers"]
    yield
    browser.get(f"/crm/customers/{rng.choice(found or customers)['id']}")
    yield


def browse_deals(browser: Browser, rng: Random) -> Steps:
    """Open the list, and a few deals from it."""
    deals = browser.get("/crm/deals")
    yield
    for deal in rng.sample(deals, k=min(2, len(deals))):
        browser.get(f"/crm/deals/{deal['id']}")
        yield
        browser.get(f"/crm/deals/{deal['id']}/activities")
        yield


def work_on_a_deal(browser: Browser, rng: Random) -> Steps:
    """Begin a deal, with a double click; move it forward; tidy up."""
    customer = rng.choice(browser.get("/crm/customers"))
    yield
    form = {
        "deal_name": rng.choice(_DEALS),
        "value_usd": float(rng.randrange(5_000, 120_000, 2_500)),
        "client_id": customer["id"],
    }
    page = f"/crm/deals/{browser.post('/crm/deals', form)['id']}"
    twin = f"/crm/deals/{browser.post('/crm/deals', form)['id']}"
    yield
    browser.delete(twin)
    yield
    browser.get(page)
    yield
    browser.patch(
        page, {"stage": rng.choice(_STAGES), "value_usd": form["value_usd"] * 1.5, "expected_close_date": _day(60)}
    )
    yield
    yield from _log_what_happens(browser, rng, page)
    mine = [deal["id"] for deal in browser.get("/crm/deals") if deal["owner"] == browser.person.email]
    yield
    for deal_id in sorted(mine)[:-_KEPT_DEALS]:
        browser.delete(f"/crm/deals/{deal_id}")
        yield


def _log_what_happens(browser: Browser, rng: Random, page: str) -> Steps:
    note = browser.post(f"{page}/activities/notes", {"text": rng.choice(_NOTES)})
    yield
    browser.post(f"{page}/activities/calls", {"call_summary": rng.choice(_CALLS)})
    yield
    slip = browser.post(f"{page}/activities/calls", {"call_summary": "Wrong deal, sorry."})
    yield
    browser.post(
        f"{page}/activities/meetings", {"meeting_title": rng.choice(_MEETINGS), "starts_at": f"{_day(7)}T10:00:00Z"}
    )
    yield
    browser.get(f"{page}/activities")
    yield
    browser.delete(f"{page}/activities/calls/{slip['id']}")
    yield
    browser.delete(f"{page}/activities/notes/{note['id']}")
    yield


def write_an_email(browser: Browser, rng: Random) -> Steps:
    """Have the agent write about a deal, and send it."""
    deal = rng.choice(browser.get("/crm/deals"))
    yield
    about = {"customer_id": deal["client_id"], "deal_id": deal["id"]}
    draft = browser.post("/crm/email/generate", about | {"email_type": rng.choice(_EMAIL_TYPES)})
    yield
    email = {name: draft[name] for name in ("to_email", "subject", "body")}
    browser.post("/crm/email/send", about | email | {"method": rng.choice(_METHODS)})
    yield


def prepare_for_a_call(browser: Browser, rng: Random) -> Steps:
    """Have the agent sum a customer up, and come back to what it said."""
    deal = rng.choice(browser.get("/crm/deals"))
    yield
    summary = f"/crm/customers/{deal['client_id']}/summary"
    browser.post(summary, days_back=rng.choice((7, 30, 90)))
    yield
    browser.get(f"/crm/customers/{deal['client_id']}")
    yield
    browser.get(summary)
    yield


def make_mistakes(browser: Browser, rng: Random) -> Steps:
    """Open what is gone, mistype, lose the session, and write to addresses that do not answer."""
    browser.attempt("GET", f"/crm/deals/{rng.randrange(1, 400)}")
    yield
    browser.attempt(
        "POST", "/crm/deals", json={"deal_name": rng.choice(_DEALS), "value_usd": "a lot", "client_id": 123}
    )
    yield
    browser.attempt("GET", "/crm/customers", signed_in=False)
    yield
    customer = rng.choice(browser.get("/crm/customers"))
    yield
    for domain in ("bounce.example", "slow.example"):
        email = {"to_email": f"info@{domain}", "subject": "Are you there?", "body": "We have not heard from you."}
        browser.attempt(
            "POST", "/crm/email/send", json=email | {"customer_id": customer["id"], "method": rng.choice(_METHODS)}
        )
        yield


HABITS: tuple[Habit, ...] = (
    look_at_customers,
    browse_deals,
    work_on_a_deal,
    write_an_email,
    prepare_for_a_call,
    make_mistakes,
)


def _day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
