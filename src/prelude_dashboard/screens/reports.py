"""Reports: emails, errors and response times, on paper as on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard import charts
from prelude_dashboard.opened import handle
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.answers.rankings import Emails
    from prelude_analytics.items import Activity
    from prelude_dashboard.asking import Asking

__all__ = ["METHODS", "SCREEN", "show"]

SCREEN: Final = Screen("reports", "/reports", "Reports", "e", refresh=60)

METHODS: Final = {"gmail_api_v2": "Gmail", "outlook_api_v2": "Outlook", "smtp": "SMTP", "other": "Other"}
WIDTH: Final = 480.0
HEIGHT: Final = 176.0
_ACTIONS: Final = 25
_SAID: Final = ("error_type", "error.type", "error_message", "error", "message")


async def show(ask: Asking) -> dict[str, Any]:
    """All reports, of one moment."""
    emails = await ask.emails() if ask.ranks else None
    errors = await ask.errors()
    failures = [(name, [getattr(step, name) for step in errors.over_time]) for name in ("error", "timeout")]
    return {
        "summary": await ask.summary(),
        "emails": emails,
        "all_emails": _total(emails) if emails else {},
        "methods": METHODS,
        "errors": errors,
        "chart": charts.stack(failures, WIDTH, HEIGHT),
        "width": WIDTH,
        "height": HEIGHT,
        "starts": [errors.range.from_, *(step.start for step in errors.over_time[1:]), errors.range.to],
        "latency": await ask.latency(),
        "by_page": await ask.page_latencies(),
        "most": _ACTIONS,
        "handle": handle,
        "reason": reason,
    }


def reason(row: Activity) -> str:
    """Why a row failed, as far as it says so."""
    said = row.result_data or {}
    return next((str(said[name]) for name in _SAID if said.get(name) is not None), "")


def _total(emails: Emails) -> dict[str, int]:
    """Sums of all who are listed."""
    listed = emails.items
    sums = {name: sum(getattr(one, name) for one in listed) for name in ("generated", "sent", "error", "timeout")}
    return sums | {method: sum(getattr(one.by_method, method) for one in listed) for method in METHODS}
