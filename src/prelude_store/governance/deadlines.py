"""When a request must have been answered: a month, which may become three (GDPR, Article 12(3)). Pure functions."""

from __future__ import annotations

import calendar
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["MOST_MONTHS_MORE", "days_left", "due_at"]

MOST_MONTHS_MORE: Final = 2
"""By which the first month may be extended."""

_DAY: Final = 86_400


def due_at(received: datetime, extended_by: int = 0) -> datetime:
    """The same day and time of the next month, or `extended_by` months later; the last day of a month that has no such day."""
    year, month = divmod(received.year * 12 + received.month - 1 + 1 + extended_by, 12)
    day = min(received.day, calendar.monthrange(year, month + 1)[1])
    return received.replace(year=year, month=month + 1, day=day)


def days_left(due: datetime, now: datetime) -> int:
    """Whole days until `due`; negative once it is over, from the first moment on."""
    return math.floor((due - now).total_seconds() / _DAY)
