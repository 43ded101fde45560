"""Time zones by their IANA names, and where their hours, days, weeks and months begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from prelude_analytics.parameters import ParameterError
from prelude_analytics.statuses import QUARTER, quarter_ceil, quarter_floor

__all__ = ["STEPS", "Step", "boundaries", "midnight", "zone"]

Step = Literal["15min", "hour", "day", "week", "month"]
STEPS: Final[tuple[str, ...]] = get_args(Step)

_HOUR: Final = timedelta(hours=1)
_DECEMBER: Final = 12


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())


def zone(name: str, parameter: str = "tz") -> ZoneInfo:
    """The zone of that name.

    Raises:
        ParameterError: there is none.
    """
    if name not in _known():
        raise ParameterError(
            parameter, name, "it is the IANA name of a time zone, such as UTC, Europe/Berlin or Asia/Kolkata"
        )
    return ZoneInfo(name)


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """When `day` begins in `tz`, in UTC: its first moment, also where clocks go forward at midnight."""
    return datetime.combine(day, time(), tz).astimezone(UTC)


def boundaries(since: datetime, until: datetime, step: Step, tz: ZoneInfo, most: int) -> list[datetime]:
    """Where the steps of the calendar of `tz` begin within [since, until), in UTC; first `since` and last `until` themselves.

    All are whole quarters of an hour. A day of 23 or 25 hours is one step; an hour that clocks repeat is two.

    Raises:
        ParameterError: there are more than `most` steps.
    """
    return list(_boundaries(since, until, step, tz, most))


@lru_cache(maxsize=256)
def _boundaries(since: datetime, until: datetime, step: Step, tz: ZoneInfo, most: int) -> tuple[datetime, ...]:
    found = [since]
    following = since
    while (following := _next(following, step, tz)) < until:
        found.append(following)
        if len(found) > most:
            raise ParameterError(
                "step", step, f"a range has at most {most} steps; take a longer step or a shorter range"
            )
    found.append(until)
    return tuple(found)


def _next(moment: datetime, step: Step, tz: ZoneInfo) -> datetime:
    """The first beginning of a step after `moment`."""
    if step == "15min":
        return quarter_floor(moment) + QUARTER
    if step == "hour":
        return _next_hour(moment, tz)
    day = moment.astimezone(tz).date()
    if step == "day":
        day += timedelta(days=1)
    elif step == "week":
        day += timedelta(days=7 - day.weekday())
    else:
        day = date(day.year + day.month // _DECEMBER, day.month % _DECEMBER + 1, 1)
    following = quarter_floor(midnight(day, tz))  # a zone of long ago may be off by seconds
    return following if following > moment else _next(moment + QUARTER, step, tz)


def _next_hour(moment: datetime, tz: ZoneInfo) -> datetime:
    local = moment.astimezone(tz)
    ahead = (local.replace(tzinfo=None) + _HOUR).replace(minute=0, second=0, microsecond=0) - local.replace(tzinfo=None)
    following = moment + ahead
    if following.astimezone(tz).utcoffset() == local.utcoffset():
        return quarter_ceil(following)
    # Clocks change on the way: by an hour mostly, by half of one on Lord Howe Island.
    following = quarter_floor(moment) + QUARTER
    while following < moment + _HOUR and following.astimezone(tz).minute != 0:
        following += QUARTER
    return following
