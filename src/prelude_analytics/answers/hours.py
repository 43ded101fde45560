"""Which hours of the log may hold rows that filters let through, as the rollups tell, so that no row is compared where there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from prelude_analytics import groups, queries
from prelude_analytics.figures.tables import ACTIVITIES
from prelude_analytics.filters import NONE, ROLLED_UP
from prelude_analytics.sources import between, fetch, in_lanes, listed
from prelude_otel.contract.vocabulary import ERROR, PENDING, SUCCESS, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from prelude_analytics.cursors import Place
    from prelude_analytics.figures.frames import Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.filters import Filters

__all__ = ["Stretch", "stretches", "told"]

_HOUR: Final = timedelta(hours=1)
_SECONDS: Final = 3600
_MINUTES: Final = 60
_KNOWN: Final = ROLLED_UP | {"page_route", "action_group"}
"""Filters of which the rollups know which hours have such rows."""
_AT_ONCE: Final = timedelta(days=100)
"""Of the rollups that are looked at in one go."""
_GAP: Final = 2_000
"""Rows between two hours that are compared rather than passed over: a statement takes as long."""
_UNCOUNTED: Final = 5_000
"""Rows that the rollups have not counted; where there are more, the rollups are not asked."""
_OVERTAKEN: Final = 20_000
"""Rows that the rollups have counted, and the list does not show; as above."""


class Stretch(NamedTuple):
    """Hours on end.

    Attributes:
        rows: that an index gives of it, as far as is known.
    """

    since: datetime
    until: datetime
    rows: int


def told(filters: Filters) -> bool:
    """Whether the rollups may know more than an index of where there are such rows."""
    read = listed(filters)
    return bool(filters.given.keys() & _KNOWN - read.given.keys()) and read.within(ROLLED_UP - {"entity_type"})


async def stretches(reading: Reading, filters: Filters, place: Place) -> AsyncIterator[Stretch]:
    """What is to be looked through for rows behind `place`, the newest first. Outside there is none in the list."""
    read = listed(filters)
    uncounted = await _uncounted(reading, filters, place) if told(filters) else None
    if uncounted is None:
        yield Stretch(place.since, place.timestamp, 0)
        return
    is_pending = filters.result_status == PENDING  # an older one reads as a timeout
    begin = max(place.since, place.watermark.cut) if is_pending else place.since
    until = _hour(place.timestamp) + _HOUR
    while until > begin:
        since = max(until - _AT_ONCE, _hour(begin))
        counted = await _counts(reading, (read, filters), since, until)
        for stretch in _within(*counted, uncounted, since):
            yield stretch._replace(since=max(stretch.since, begin))
        until = since


async def _uncounted(reading: Reading, filters: Filters, place: Place) -> list[int] | None:
    """Hours, in seconds since 1970, of rows that the list has and the rollups have not; None: those are many, or not to be told."""
    asked, (counted, _) = place.watermark, await reading.counted(place.watermark.cut)
    behind, ahead = between(counted, asked), between(asked, counted)
    if sum(last - first for _, first, last in behind) > _UNCOUNTED:
        return None
    if sum(last - first for _, first, last in ahead) > _OVERTAKEN:
        return None
    statement = queries.load("uncounted_hours", uncounted=in_lanes(behind), overtaken=in_lanes(ahead))
    (found,) = await fetch(reading.connection, statement, {})
    # A pending row that was ended since is in the list, and is not counted any more.
    if found["rebuilding"] or (found["ended"] and filters.result_status not in {SUCCESS, ERROR}):
        return None
    hours: list[int] = found["hours"]
    return hours


async def _counts(
    reading: Reading, about: tuple[Filters, Filters], since: datetime, until: datetime
) -> tuple[Ints, Ints]:
    """For each hour from `since` on how many rows are counted that each of the two may let through."""
    frames, dictionaries = await reading.frames(ACTIVITIES, _MINUTES, since, until)
    passing = [dictionaries["key"].where(_condition(filters)) for filters in about]
    first, size = int(since.timestamp()) // _SECONDS, (until - since) // _HOUR
    found = np.zeros((len(about), size))
    for frame in frames:
        hours = frame["bucket"] // _SECONDS - first
        for place, fits in enumerate(passing):
            found[place] += np.bincount(hours, weights=np.where(fits[frame["key"]], frame["count"], 0), minlength=size)
    return found[0], found[1]


def _condition(filters: Filters) -> Any:
    """Whether a key of the rollups may be of rows that `filters` let through."""
    wanted = [
        (ACTIVITIES.keys.index(name if name != "action_group" else "action_name"), _values(name, value))
        for name, value in filters.given.items()
        if name in _KNOWN
    ]
    return lambda key: all(key[place] in values for place, values in wanted)


def _values(name: str, value: str) -> Collection[str]:
    """What the rollups have where rows have that."""
    if name == "action_group":
        return groups.ACTIONS[value]
    if name == "result_status" and value == TIMEOUT:
        return (TIMEOUT, PENDING)
    return ("" if value == NONE else str(groups.key(value)),)


def _within(total: Ints, fitting: Ints, uncounted: list[int], since: datetime) -> Iterator[Stretch]:
    """The hours that are to be looked through, near ones together, the newest first.

    Args:
        total: rows of each hour that an index gives.
        fitting: those of them that may be let through.
    """
    first = int(since.timestamp()) // _SECONDS
    marked = fitting > 0
    more = [hour // _SECONDS - first for hour in uncounted]
    marked[[hour for hour in more if 0 <= hour < len(marked)]] = True
    upto = np.concatenate(([0], np.cumsum(total))).astype(np.int64).tolist()
    low = high = None
    for hour in np.flatnonzero(marked)[::-1].tolist():
        if low is not None and high is not None and upto[low] - upto[hour + 1] > _GAP:
            yield _stretch(low, high, upto, since)
            high = None
        low, high = hour, hour if high is None else high
    if low is not None and high is not None:
        yield _stretch(low, high, upto, since)


def _stretch(low: int, high: int, upto: list[int], since: datetime) -> Stretch:
    return Stretch(since + low * _HOUR, since + (high + 1) * _HOUR, upto[high + 1] - upto[low])


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
