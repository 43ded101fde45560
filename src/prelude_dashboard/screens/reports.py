"""Reports: emails, errors and response times, on paper as on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard.columns import Series, columns
from prelude_dashboard.opened import handle
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.answers.errors import Errors
    from prelude_analytics.items import Activity
    from prelude_dashboard.asking import Asking
    from prelude_dashboard.columns import Columns

__all__ = ["METHODS", "SCREEN", "show"]

SCREEN: Final = Screen("reports", "/reports", "Reports", "e", refresh=60, told="counts")

METHODS: Final = {"gmail_api_v2": "Gmail", "outlook_api_v2": "Outlook", "smtp": "SMTP", "other": "Other"}
_ACTIONS: Final = 25
_SAID: Final = ("error_type", "error.type", "error_message", "error", "message")


async def show(ask: Asking) -> dict[str, Any]:
    """All reports, of one moment."""
    emails = await ask.emails() if ask.ranks else None
    errors = await ask.errors()
    return {
        "summary": await ask.summary(),
        "emails": emails,
        "methods": METHODS,
        "errors": errors,
        "drawn": _drawn(errors),
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


def _drawn(errors: Errors) -> Columns:
    """Failures over time."""
    return columns(
        errors,
        [one.start for one in errors.over_time],
        [
            Series(name, name, {"result_status": name}, [getattr(one, name) for one in errors.over_time])
            for name in ("error", "timeout")
        ],
    )
