"""The days, weeks or months of a calendar that a range touches, each as a whole."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal

import numpy as np

from prelude_analytics.ranges import Range
from prelude_analytics.zones import midnight
from prelude_store.timeline.columns import Ints
from prelude_store.timeline.moments import microseconds

__all__ = ["Unit", "periods"]

Unit = Literal["day", "week", "month"]

_LONGEST_MONTH: Final = 31


def periods(range_: Range, unit: Unit) -> tuple[list[date], Ints]:
    """First dates of the periods, and when they begin, in microseconds since the epoch; last, when the last one ends."""
    dates = [_first_date(range_.from_.astimezone(range_.tz).date(), unit)]
    while midnight(_following(dates[-1], unit), range_.tz) < range_.to:
        dates.append(_following(dates[-1], unit))
    edges = [*dates, _following(dates[-1], unit)]
    return dates, np.array([microseconds(midnight(day, range_.tz)) for day in edges], dtype=np.int64)


def _first_date(day: date, unit: Unit) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _following(day: date, unit: Unit) -> date:
    if unit == "month":
        return (day + timedelta(days=_LONGEST_MONTH)).replace(day=1)
    return day + timedelta(days=7 if unit == "week" else 1)
