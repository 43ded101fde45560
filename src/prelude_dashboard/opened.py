"""The row that stands open beside a list: the one that ``open`` names in the address."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from prelude_analytics.parameters import ParameterError
from prelude_analytics.settings import TRACE_ID
from prelude_dashboard.fields import fields

if TYPE_CHECKING:
    from prelude_analytics.items import Activity
    from prelude_dashboard.asking import Asking

__all__ = ["handle", "opened"]

_MOMENT: Final = timedelta(microseconds=1)
_BEFORE: Final = timedelta(days=1)


def handle(row: Activity) -> str:
    """What stands for a row in an address."""
    return f"{row.timestamp.isoformat()}~{row.event_id}"


async def opened(ask: Asking) -> dict[str, Any]:
    """For a template: ``chosen``, the open row or None, ``fields``, all that is known of it, ``before``, the range that led to it, and
    ``trace_url``, where its trace is shown.

    Raises:
        ParameterError: the address of the row is none.
    """
    wanted = ask.state["open"]
    row = None if wanted is None else await ask.activity(*_place(wanted))
    return {
        "chosen": row,
        "fields": [] if row is None else fields(row),
        "before": {} if row is None else {"from_": row.timestamp - _BEFORE, "to": row.timestamp + _MOMENT},
        "trace_url": _trace_url(ask, row),
    }


def _place(wanted: str) -> tuple[datetime, UUID]:
    moment, _, event_id = wanted.partition("~")
    try:
        at, one = datetime.fromisoformat(moment), UUID(event_id)
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        raise ParameterError("open", wanted, "it is the address of a row, as the list links to it") from None
    return at, one


def _trace_url(ask: Asking, row: Activity | None) -> str:
    if row is None or row.trace_id is None:
        return ""
    return ask.settings.trace_url.replace(TRACE_ID, row.trace_id).replace("{span_id}", row.span_id or "")
