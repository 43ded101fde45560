"""What people do in a session. A habit does one thing the way people do it: not always to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prelude_store.seed import words
from prelude_store.seed.visit import Visit

__all__ = ["go_through"]

Habit = Callable[[Visit], None]


def look_for_somebody(visit: Visit) -> None:
    """The funnel: search, look at the customer, begin a deal, write. Many leave on the way."""
    rng = visit.rng
    if rng.random() < 0.15:
        visit.do("crm.search_customers", {"search_query": rng.choice(words.MISTYPED), "results_count": 0})
        if rng.random() < 0.3:
            return
    found = rng.randrange(1, 12)
    if not visit.do(
        "crm.search_customers", {"search_query": f"{rng.choice(words.COMPANIES)} corp", "results_count": found}
    ):
        return
    if rng.random() < 0.34:
        return
    customer = visit.deals.customer(visit.user, rng)
    if not visit.do("crm.view_customer", entity=customer):
        return
    if rng.random() < 0.2:
        _summary(visit, customer)
    if visit.user.role == "sales" and rng.random() < 0.24:
        deal = _create(visit, customer)
        if deal is not None and rng.random() < 0.58:
            _write(visit, customer, deal)


def look_at_customers(visit: Visit) -> None:
    """The list, and some of those on it."""
    rng = visit.rng
    if not visit.do("crm.view_customers_list", {"customer_count": min(visit.deals.customers, 50)}):
        return
    for _ in range(rng.randrange(4)):
        customer = visit.deals.customer(visit.user, rng)
        if visit.do("crm.view_customer", entity=customer) and rng.random() < 0.25:
            _summary(visit, customer)


def work_on_deals(visit: Visit) -> None:
    """The list of deals, and what is to be done about some of them."""
    rng = visit.rng
    if not visit.do("crm.view_deals_list", {"deal_count": 25}):
        return
    for _ in range(rng.randrange(1, 4)):
        deal = visit.deals.deal(visit.user, rng)
        if visit.do("crm.view_deal", {"customer_id": visit.deals.customer_of(deal)}, deal):
            _care_for(visit, deal)


def write_emails(visit: Visit) -> None:
    """Some emails about deals, one after the other."""
    rng = visit.rng
    visit.do("crm.view_deals_list", {"deal_count": 25})
    for _ in range(rng.randrange(1, 4)):
        deal = visit.deals.deal(visit.user, rng)
        customer = visit.deals.customer_of(deal)
        visit.do("crm.view_deal", {"customer_id": customer}, deal)
        _write(visit, customer, deal)


def answer_a_question(visit: Visit) -> None:
    """Somebody calls: who is it, what about, and a note."""
    rng = visit.rng
    visit.do(
        "crm.search_customers", {"search_query": rng.choice(words.COMPANIES), "results_count": rng.randrange(1, 6)}
    )
    deal = visit.deals.deal(visit.user, rng)
    customer = visit.deals.customer_of(deal)
    visit.do("crm.view_customer", entity=customer)
    _activities(visit, deal)
    if rng.random() < 0.7:
        visit.do("crm.create_deal_note", {"deal_id": deal}, visit.deals.new_id(rng), made=True)
    if rng.random() < 0.3:
        visit.do(
            "task_management.create_task", {"due_in_days": rng.randrange(1, 15)}, visit.deals.new_id(rng), made=True
        )


def look_at_figures(visit: Visit) -> None:
    """How is business?"""
    rng = visit.rng
    visit.do("analytics.view_report", {"days": rng.choice((7, 30, 90))}, rng.randrange(1, 9))
    visit.do("crm.view_deals_list", {"deal_count": 25})
    _activities(visit, visit.deals.deal(visit.user, rng))
    if rng.random() < 0.35:
        made = {"format": rng.choice(("csv", "csv", "xlsx")), "deal_count": visit.deals.count}
        later = rng.randrange(8_000, 150_000) if rng.random() < 0.4 else 0
        visit.do("export.export_deals", made, visit.deals.new_id(rng), made=True, later_ms=later)


def tidy_up(visit: Visit) -> None:
    """Tasks, the calendar, a file, a setting."""
    rng = visit.rng
    chance = rng.random()
    if chance < 0.4:
        for _ in range(rng.randrange(1, 4)):
            visit.do("task_management.complete_task", entity=visit.deals.new_id(rng))
    elif chance < 0.65:
        visit.do("calendar.sync_calendar", {"events": rng.randrange(30)})
    elif chance < 0.85:
        deal, size = visit.deals.deal(visit.user, rng), int(10 ** rng.uniform(3, 7))
        visit.do("upload.upload_file", {"deal_id": deal, "bytes": size}, visit.deals.new_id(rng), made=True)
    else:
        visit.do("settings.update_settings", {"changed": rng.choice(words.SETTINGS)})


def ask_the_assistant(visit: Visit) -> None:
    """A few questions to a model."""
    rng = visit.rng
    conversation = visit.deals.new_id(rng)
    for _ in range(rng.randrange(1, 5)):
        visit.do("chat.ask_assistant", {"model": "assistant-2", "tokens": rng.randrange(80, 4000)}, conversation)


def find_leads(visit: Visit) -> None:
    """Look for new customers."""
    rng = visit.rng
    for _ in range(rng.randrange(1, 4)):
        found = {
            "search_query": f"{rng.choice(words.COMPANIES)} {rng.choice(words.SECTIONS)}",
            "results_count": rng.randrange(40),
        }
        visit.do("lead_generation.search_leads", found)


_WAYS: Final[dict[str, tuple[tuple[Habit, ...], tuple[int, ...]]]] = {
    "sales": (
        (look_for_somebody, work_on_deals, write_emails, look_at_customers, tidy_up, find_leads, ask_the_assistant),
        (30, 28, 17, 12, 7, 3, 3),
    ),
    "support": (
        (answer_a_question, look_for_somebody, look_at_customers, work_on_deals, tidy_up, ask_the_assistant),
        (45, 18, 17, 8, 7, 5),
    ),
    "manager": ((look_at_figures, work_on_deals, look_at_customers, tidy_up), (50, 25, 15, 10)),
}


def go_through(visit: Visit) -> None:
    """A whole session: come in, do some things, and go, with or without a word."""
    rng = visit.rng
    chance = rng.random()
    if chance < 0.45:
        method = {"method": "sso" if visit.user.number % 3 else "password"}
        while not visit.do("authentication.login", method):
            if rng.random() < 0.25:
                return
    elif chance < 0.7:
        visit.do("authentication.token_refresh")
    habits, shares = _WAYS[visit.user.role]
    for habit in rng.choices(habits, shares, k=1 + int(rng.expovariate(0.8))):
        if rng.random() < 0.3:
            visit.do("navigation.page_view", {"section": rng.choice(words.SECTIONS)})
        habit(visit)
    if rng.random() < 0.22:
        visit.do("authentication.logout")


def _summary(visit: Visit, customer: int) -> None:
    if visit.rng.random() < 0.45:
        made = {
            "customer_id": customer,
            "days_back": visit.rng.choice((7, 30, 30, 90)),
            "agent_used": "NextActionInsightAgent",
        }
        visit.do("crm.generate_interaction_summary", made | {"interactions_analyzed": visit.rng.randrange(1, 40)})
    else:
        visit.do("crm.view_interaction_summary", {"customer_id": customer, "from_cache": True})


def _create(visit: Visit, customer: int) -> int | None:
    rng = visit.rng
    deal = visit.deals.create()
    if deal is None:
        return None
    form = {
        "deal_name": rng.choice(words.DEALS),
        "value_usd": float(int(10 ** rng.uniform(3.3, 5.2)) // 500 * 500),
        "client_id": customer,
    }
    created = visit.do("crm.create_deal", form, deal, made=True) or visit.do("crm.create_deal", form, deal, made=True)
    return deal if created else None


def _write(visit: Visit, customer: int, deal: int) -> None:
    rng = visit.rng
    if rng.random() < 0.75:
        about = {"customer_id": customer, "email_type": rng.choice(words.EMAIL_TYPES)}
        if not visit.do("crm.generate_email", about) and rng.random() < 0.5:
            return
        if rng.random() < 0.18:
            return
    chance = rng.random()
    method = "gmail_api_v2" if chance < 0.55 else "outlook_api_v2" if chance < 0.84 else "smtp"
    email = {
        "to_email": f"{rng.choice(words.NAMES)}@{rng.choice(words.COMPANIES)}.example",
        "subject": rng.choice(words.SUBJECTS),
        "customer_id": customer,
        "deal_id": deal,
        "method": method,
    }
    later = rng.randrange(2_000, 90_000) if method == "smtp" else 0
    if not visit.do("crm.send_email", email, later_ms=later) and rng.random() < 0.6:
        visit.do("crm.send_email", email | {"method": "gmail_api_v2"})


def _activities(visit: Visit, deal: int) -> None:
    visit.do("crm.view_deal_activities", {"activities_count": deal % 40 + 1}, deal)


def _care_for(visit: Visit, deal: int) -> None:
    """What may be to do about a deal."""
    rng, at = visit.rng, {"deal_id": deal}
    if rng.random() < 0.3:
        _activities(visit, deal)
    if rng.random() < 0.35:
        changes = {"stage": rng.choice(words.STAGES), "expected_close_date": "2026-12-31"}
        if rng.random() < 0.4:
            changes["value_usd"] = f"{int(10 ** rng.uniform(3.3, 5.2)) // 500 * 500}.0"
        visit.do("crm.update_deal", {"updated_fields": changes}, deal)
    chance = rng.random()
    if chance < 0.28:
        note = visit.deals.new_id(rng)
        if visit.do("crm.create_deal_note", at, note, made=True) and rng.random() < 0.08:
            visit.do("crm.delete_deal_note", at, note)
    elif chance < 0.44:
        call = visit.deals.new_id(rng)
        if visit.do("crm.create_deal_call_summary", at, call, made=True) and rng.random() < 0.06:
            visit.do("crm.delete_deal_call_summary", at, call)
    elif chance < 0.53:
        visit.do(
            "crm.create_deal_meeting",
            at | {"meeting_title": rng.choice(words.MEETINGS)},
            visit.deals.new_id(rng),
            made=True,
        )
    elif chance < 0.56:
        visit.do("crm.delete_deal", entity=deal)
