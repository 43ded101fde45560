"""Cohorts, from the definition: user by user, period by period, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.history import DAY, Row, microseconds, users


def period_of(at: int, unit: str, tz: ZoneInfo) -> date:
    """The first date of the period of the calendar that `at` is in."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(tz).date()
    if unit == "week":
        return local - timedelta(days=local.weekday())
    return local.replace(day=1) if unit == "month" else local


def following(start: date, unit: str) -> date:
    if unit == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if unit == "week" else 1)


def begins(start: date, tz: ZoneInfo) -> int:
    """The first moment of the date in `tz`."""
    return microseconds(datetime(start.year, start.month, start.day, tzinfo=tz).astimezone(UTC))


def periods_of(since: int, until: int, unit: str, tz: ZoneInfo) -> list[date]:
    """The first dates of the periods that the range touches."""
    found = [period_of(since, unit, tz)]
    while begins(following(found[-1], unit), tz) < until:
        found.append(following(found[-1], unit))
    return found


def members(rows: list[Row], since: int, until: int, *, ever: bool) -> dict[str, int]:
    """When each user came first within the range; with `ever`, only those who had not come before it."""
    found = {}
    for user in users(rows):
        mine = [row.at for row in rows if row.user == user and row.at < until]
        seen = [at for at in mine if at >= since]
        if seen and not (ever and min(mine) < since):
            found[user] = min(seen)
    return found


def cohorts(
    rows: list[Row], since: int, until: int, unit: str, tz: ZoneInfo, *, ever: bool, rolling: bool, action: str | None
) -> list[tuple[date, int, list[int], list[bool]]]:
    """For each period: its first date, how many came first in it, how many of them came back in which period, and which are over."""
    length = (7 if unit == "week" else 1) * DAY
    periods = periods_of(since, until, unit, tz)
    firsts = members(rows, since, until, ever=ever)
    returns = [row for row in rows if since <= row.at < until and action in (None, row.action)]
    table = []
    for place, period in enumerate(periods):
        mine = {user for user, first in firsts.items() if period_of(first, unit, tz) == period}
        if rolling:
            starts = list(range(begins(period, tz), until, length))
            ends = [begins(following(period, unit), tz) + number * length for number in range(1, len(starts) + 1)]
        else:
            starts = [begins(one, tz) for one in periods[place:]]
            ends = [begins(following(one, unit), tz) for one in periods[place:]]
        came: list[set[str]] = [set() for _ in starts]
        for row in returns:
            if row.user in mine:
                there = period_of(row.at, unit, tz)
                number = (row.at - firsts[row.user]) // length if rolling else periods.index(there) - place
                if 0 <= number < len(came):  # somebody's own period may begin later than the first one's
                    came[number].add(row.user)
        table.append((period, len(mine), [len(them) for them in came], [end <= until for end in ends]))
    return table
