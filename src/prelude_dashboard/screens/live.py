"""Live: rows as they commit. The server draws the newest, and from their cursor on a script listens for the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from prelude_analytics.items import Activity
from prelude_analytics.statuses import ORDER
from prelude_dashboard import table
from prelude_dashboard.opened import handle, opened
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("live", "/live", "Live", "l", refresh=0)
_ROWS: Final = 100
_SOCKET: Final = "/api/analytics/live"


async def show(ask: Asking) -> dict[str, Any]:
    """The newest rows, and where to listen for more."""
    return {
        "found": await ask.newest(_ROWS),
        "socket": _socket(ask),
        "blanks": [_blank(status) for status in ORDER],
        "columns": table.USUAL,
        "all_columns": table.COLUMNS,
        "handle": handle,
        **await opened(ask),
    }


def _socket(ask: Asking) -> str:
    """The address of the feed with the page's filters; the role is looked at there once more."""
    given = ask.query.filters().given
    return f"{_SOCKET}?{urlencode(given)}" if given else _SOCKET


def _blank(status: str) -> Activity:
    """A row about nothing, whose cells the script fills; about somebody and something, so that its links are there to be filled as well."""
    nothing: dict[str, Any] = dict.fromkeys(Activity.model_fields)
    known = {"event_id": UUID(int=0), "timestamp": datetime(1970, 1, 1, tzinfo=UTC), "result_status": status}
    about: dict[str, Any] = dict.fromkeys(("user_email", "entity_type", "entity_id"), "?")
    return Activity.model_construct(**nothing | known | about | {"action_type": "", "action_name": ""})
