"""Ranges of time: ``days``, or ``from`` and ``to``, in a time zone; and how rollups of several grains cover one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field

from prelude_analytics.parameters import ParameterError, Parameters
from prelude_analytics.statuses import QUARTER, quarter_ceil, quarter_floor
from prelude_analytics.zones import Step, boundaries, midnight, zone

__all__ = ["DEFAULT_DAYS", "GRAINS", "MOST_DAYS", "Piece", "Range", "RangeQuery", "pieces"]

DEFAULT_DAYS: Final = 7
MOST_DAYS: Final = 3660
MOST_STEPS: Final = 2400
GRAINS: Final = (1440, 60, 15)
"""Grains of the rollups in minutes, the coarsest first."""

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+ -]\d\d:\d\d)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Range:
    """The rows from `from_` on, and before `to`.

    Attributes:
        from_: in UTC.
        to: in UTC.
        tz: whose calendar the answer goes by.
        days: how many days of the calendar were asked for; None where `from` was given.
        open: whether nobody said where it ends: it ends now, or behind what is dated ahead of now.
        ahead: how far behind now it ends, for the sake of rows that are dated so.
    """

    from_: datetime
    to: datetime
    tz: ZoneInfo
    days: int | None = None
    open: bool = False
    ahead: timedelta = timedelta()

    def reaching(self, newest: datetime | None) -> Range:
        """The same, up to the end of the quarter of `newest`, if that comes later and nobody said where it ends.

        So a row that is committed is in a list, or comes behind its watermark, though the clock of its service is ahead.

        Args:
            newest: time of the newest row; None where there is none.
        """
        if not self.open or newest is None or newest < self.to:
            return self
        to = quarter_floor(newest) + QUARTER
        return replace(self, to=to, ahead=self.ahead + (to - self.to))

    def quartered(self) -> Range:
        """The same in whole quarters of an hour, which rollups can answer: it begins earlier and ends later, if at all."""
        return replace(self, from_=quarter_floor(self.from_), to=quarter_ceil(self.to))

    def before(self) -> Range:
        """The period before this one, as long by the calendar: days back for days, and the length back for all else."""
        days, to = self.days or self._whole_days(), self.to - self.ahead
        closed = replace(self, open=False, ahead=timedelta())
        if days is None:
            return replace(closed, from_=self.from_ - (to - self.from_), to=self.from_)
        return replace(closed, from_=self._days_back(self.from_, days), to=self._days_back(to, days))

    def steps(self, step: Step, most: int = MOST_STEPS) -> list[datetime]:
        """Where the steps begin, and last the end; as `zones.boundaries`."""
        return boundaries(self.from_, self.to, step, self.tz, most)

    def shown(self) -> dict[str, str]:
        """As an answer shows it."""
        return {"from": self.from_.isoformat(), "to": self.to.isoformat(), "tz": self.tz.key}

    def _whole_days(self) -> int | None:
        first, last = (moment.astimezone(self.tz).date() for moment in (self.from_, self.to))
        whole = midnight(first, self.tz) == self.from_ and midnight(last, self.tz) == self.to
        return (last - first).days if whole else None

    def _days_back(self, moment: datetime, days: int) -> datetime:
        local = moment.astimezone(self.tz)
        back = local.replace(tzinfo=None) - timedelta(days=days)
        return quarter_floor(back.replace(tzinfo=self.tz, fold=local.fold).astimezone(UTC))


class RangeQuery(Parameters):
    """A range, as query parameters."""

    days: int | None = Field(
        None,
        ge=1,
        le=MOST_DAYS,
        description=f"The last days of the calendar, today among them. {DEFAULT_DAYS} unless `from` is given.",
    )
    from_: str | None = Field(
        None, alias="from", description="Beginning: a date, or a time in RFC 3339; without an offset in `tz`."
    )
    to: str | None = Field(
        None,
        description="End, as `from`; it is not part of the range. Unless given, now, or behind the newest row where that is dated ahead of now.",
    )
    tz: str = Field("UTC", description="IANA name of the zone whose days and hours are meant, e.g. `Europe/Berlin`.")

    def range(self, now: datetime) -> Range:
        """What is asked, for somebody who asks `now`.

        Raises:
            ParameterError: a value is not allowed, or two contradict each other.
        """
        tz = zone(self.tz)
        if self.from_ is None:
            if self.to is not None:
                raise ParameterError("to", self.to, "it needs from beside it")
            days = self.days or DEFAULT_DAYS
            first = now.astimezone(tz).date() - timedelta(days=days - 1)
            return Range(midnight(first, tz), quarter_ceil(now), tz, days, open=True)
        if self.days is not None:
            raise ParameterError("days", self.days, "a range is either days, or from and to")
        since = _moment("from", self.from_, tz)
        until = quarter_ceil(now) if self.to is None else _moment("to", self.to, tz)
        if since >= until:
            name, value = ("from", self.from_) if self.to is None else ("to", self.to)
            raise ParameterError(name, value, "from is earlier than to, and than now where to is not given")
        if until - since > timedelta(days=MOST_DAYS):
            raise ParameterError("from", self.from_, f"a range is at most {MOST_DAYS} days long")
        return Range(since, until, tz, open=self.to is None)


class Piece(NamedTuple):
    """Buckets of one grain, in minutes, from `since` on and before `until`."""

    grain: int
    since: datetime
    until: datetime


def pieces(
    edges: Sequence[datetime], cut: datetime, grains: Sequence[int] = GRAINS, *, mixed: bool = False
) -> list[Piece]:
    """Buckets that cover the whole, and of which none crosses an edge or `cut`.

    Args:
        edges: whole quarters of an hour in rising order, the first and the last the ends.
        grains: that there are, the coarsest first.
        mixed: the fewest buckets, in many pieces; else few pieces, of the coarsest grain that suits all edges.
    """
    return list(_pieces(tuple(edges), cut, tuple(grains), mixed))


@lru_cache(maxsize=256)
def _pieces(edges: tuple[datetime, ...], cut: datetime, grains: tuple[int, ...], mixed: bool) -> tuple[Piece, ...]:
    inside = edges[0] < cut < edges[-1]
    if mixed:
        parts = list(pairwise(sorted({*edges, cut}) if inside else edges))
        among = grains
    else:
        parts = [(edges[0], cut), (cut, edges[-1])] if inside else [(edges[0], edges[-1])]
        finest = grains[-1]
        among = tuple(grain for grain in grains if grain == finest or all(_whole(edge, grain) for edge in edges[1:-1]))
    found: list[Piece] = []
    for since, until in parts:
        for piece in _cover(since, until, among):
            last = found[-1] if found else None
            if last is not None and last.grain == piece.grain and last.until == piece.since != cut:
                found[-1] = last._replace(until=piece.until)
            else:
                found.append(piece)
    return tuple(found)


def _whole(moment: datetime, grain: int) -> bool:
    return not (moment - _FIRST) % timedelta(minutes=grain)


def _cover(since: datetime, until: datetime, grains: Sequence[int]) -> list[Piece]:
    if since >= until:
        return []
    grain, *finer = grains
    if not finer:
        return [Piece(grain, since, until)]
    length = timedelta(minutes=grain)
    first = since + (_FIRST - since) % length
    last = until - (until - _FIRST) % length
    if first >= last:
        return _cover(since, until, finer)
    return [*_cover(since, first, finer), Piece(grain, first, last), *_cover(last, until, finer)]


def _moment(parameter: str, value: str, tz: ZoneInfo) -> datetime:
    allowed = (
        "it is a date such as 2026-01-31, or a time in RFC 3339 such as 2026-01-31T12:00:00+01:00, from 1970 to 2199"
    )
    moment: Any = None
    try:
        if _DATE.match(value):
            moment = midnight(date.fromisoformat(value), tz)
        elif _TIME.match(value):
            # A plus sign that was not escaped in a URL arrives as a space.
            read = datetime.fromisoformat(
                re.sub(r" (\d\d:\d\d)\Z", r"+\1", value) if len(value) > len("2026-01-31T12:00") else value
            )
            moment = (read if read.tzinfo else read.replace(tzinfo=tz)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not _FIRST <= moment < _LAST:
        raise ParameterError(parameter, value, allowed)
    return moment  # type: ignore[no-any-return]
