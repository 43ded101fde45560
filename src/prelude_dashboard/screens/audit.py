"""Audit trail: whose, of when, and in which form; the report itself is the API's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from prelude_analytics.app import PREFIX
from prelude_analytics.parameters import ParameterError
from prelude_analytics.routes.audit import AuditQuery, subject_of
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("audit", "/audit", "Audit trail", "", refresh=0, within="reports", days=30, roles=("govern",))
TAKEN: Final = ("user_email", "entity_type", "entity_id", "service_name")
"""Filters that say whose or what trail it is."""


async def show(ask: Asking) -> dict[str, Any]:
    """What the report would be of, and where it is."""
    given: dict[str, Any] = {name: value for name, value in ask.state.filters.items() if name in TAKEN}
    reads = ask.state["reads"] is not None
    try:
        subject, wrong = subject_of(AuditQuery(**given)), ""
    except ParameterError as error:
        subject, wrong = None, str(error)
    asked = ask.state.range | given | ({"reads": "true"} if reads else {})
    return {
        "subject": subject,
        "wrong": wrong,
        "passed_over": [name for name in ask.state.filters if name not in TAKEN],
        "reads": reads,
        "seal": await ask.sealed(),
        "reports": {
            kind: f"{PREFIX}/governance/audit?{urlencode({**asked, 'format': kind})}"
            for kind in ("html", "csv", "ndjson")
        },
    }
