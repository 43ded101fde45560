"""How busy a half-hour is: by the clock on the wall, the day of the week, holidays and seasons."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["SLOTS", "SLOT_S", "slot_weights"]

SLOT_S: Final = 1800
SLOTS: Final = 48
"""Half-hours of a UTC day, since some zones are half an hour off."""

_CURVE: Final = (
    (0.0, 0.01), (6.0, 0.02), (7.5, 0.25), (9.0, 1.0), (10.5, 1.25), (12.0, 0.95), (12.75, 0.5), (14.0, 1.1), (15.5, 1.15), (17.0, 0.7),
    (18.5, 0.22), (20.5, 0.1), (22.5, 0.04), (24.0, 0.01),
)  # fmt: skip
"""Hour of the local day, and how busy it is; straight lines between."""
_WEEKDAYS: Final = (1.0, 1.1, 1.08, 1.02, 0.8, 0.08, 0.06)
_MONTHS: Final = {7: 0.85, 8: 0.72, 12: 0.88}
_HOLIDAYS: Final = frozenset({(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)})
_HOLIDAY: Final = 0.1
_RUSH_DAYS, _RUSH = 7, 1.2
_THURSDAY: Final = 3
_GROWTH_A_DAY: Final = 0.002


def slot_weights(zone: str, day: date, number: int) -> list[float]:
    """How busy each half-hour of the UTC day `day` is where people live by `zone`; `number` counts the days of the range."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    info = ZoneInfo(zone)
    weights = []
    for slot in range(SLOTS):
        local = (midnight + timedelta(seconds=(slot + 0.5) * SLOT_S)).astimezone(info)
        weights.append(_hour(local.hour + local.minute / 60) * _day(local.date(), american=zone.startswith("America/")))
    growth = 1 + _GROWTH_A_DAY * number
    return [weight * growth for weight in weights]


def _hour(hour: float) -> float:
    for (before, low), (after, high) in pairwise(_CURVE):
        if hour < after:
            return low + (high - low) * (hour - before) / (after - before)
    return _CURVE[-1][1]


def _day(day: date, *, american: bool) -> float:
    busy = _WEEKDAYS[day.weekday()] * _MONTHS.get(day.month, 1.0)
    if (day.month, day.day) in _HOLIDAYS or (american and _american_holiday(day)):
        busy *= _HOLIDAY
    quarter_ends = day.month % 3 == 0 and (day + timedelta(days=_RUSH_DAYS)).month != day.month
    return busy * (_RUSH if quarter_ends else 1.0)


def _american_holiday(day: date) -> bool:
    if day.month == 11:
        thursday = day if day.weekday() == _THURSDAY else day - timedelta(days=1)
        return thursday.weekday() == _THURSDAY and 22 <= thursday.day <= 28
    return (day.month, day.day) == (7, 4)
