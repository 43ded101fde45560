"""Lengths of time for which something is kept, as they are written: 90d, 12w, 18mo, 1y, forever. Pure functions."""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta
from typing import Final

from prelude_otel.errors import StoreError

__all__ = ["FOREVER", "RetentionError", "cutoff", "days_of", "parse_keep"]

FOREVER: Final = "forever"

_KEEP: Final = re.compile(r"([1-9][0-9]{0,4})(d|w|mo|y)\Z")
_DAYS: Final = {"d": 1, "w": 7}
_MONTHS: Final = {"mo": 1, "y": 12}
_DAYS_OF_A_MONTH: Final = 30.436875
_LONGEST_YEARS: Final = 200


class RetentionError(StoreError):
    """A policy or a hold that makes no sense; nothing was changed."""


def parse_keep(text: str) -> str:
    """`text` as it is stored.

    Raises:
        RetentionError: it is no length of time, or shorter than a day, or longer than anybody keeps.
    """
    wanted = text.strip().lower()
    if wanted == FOREVER:
        return wanted
    if _KEEP.match(wanted) is None:
        raise RetentionError(
            f"{text!r} says for how long nothing is kept; write whole days, weeks, months or years, at least a day: 90d, 12w, 18mo, 1y;"
            f" or {FOREVER}"
        )
    if days_of(wanted) > _LONGEST_YEARS * 366:
        raise RetentionError(f"{text!r} is longer than {_LONGEST_YEARS} years; write {FOREVER}")
    return wanted


def days_of(keep: str) -> float:
    """About how many days that is, to compare by; infinite for `FOREVER`."""
    found = _KEEP.match(keep)
    if found is None:
        return float("inf")
    number, unit = int(found[1]), found[2]
    return float(number * _DAYS[unit]) if unit in _DAYS else number * _MONTHS[unit] * _DAYS_OF_A_MONTH


def cutoff(keep: str, now: datetime, *, by_week: bool = False) -> datetime | None:
    """What is from before this moment is due; None where nothing ever is.

    A day (UTC) goes as a whole, once all of it is that old; so nothing goes before its time, and some of it up to a day later. Months and
    years are those of the calendar.

    Args:
        now: in UTC.
        by_week: a week goes as a whole, from Monday on.
    """
    found = _KEEP.match(keep)
    if found is None:
        return None
    number, unit = int(found[1]), found[2]
    moment = now - timedelta(days=number * _DAYS[unit]) if unit in _DAYS else _back(now, number * _MONTHS[unit])
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday()) if by_week else midnight


def _back(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
