"""Where each part of a range is read from: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from prelude_analytics.parameters import ParameterError

if TYPE_CHECKING:
    from prelude_analytics.ranges import Range

__all__ = ["MOST_ANEW", "MOST_ROWS", "Built", "Part", "as_of", "plan", "refuse_too_many"]

MOST_ROWS: Final = 250_000
"""Rows that an answer reads out of the log, at most."""
MOST_ANEW: Final = 20_000
"""Of days that the timeline has, though not fresh: more would keep the asker waiting, and the watermark says how old they are."""
_FRESH: Final = timedelta(seconds=60)
_SHARE: Final = 25
"""A day that takes long to make is made anew more seldom (`prelude_store.timeline.tend`)."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Built:
    """A day that the timeline holds.

    Attributes:
        dirty: rows came since it was built.
        took: how long it took to make it.
    """

    day: date
    dirty: bool
    built_at: datetime
    took: timedelta
    row_count: int

    def fresh(self, now: datetime) -> bool:
        """Whether it is as the log is, or was a moment ago."""
        return not self.dirty or now - self.built_at <= max(_FRESH, _SHARE * self.took)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the range, from `since` on and before `until`.

    Attributes:
        day: of the timeline, to be read from there; None: from the log.
        whole: the piece is all of that day.
    """

    since: datetime
    until: datetime
    day: Built | None = None

    @property
    def whole(self) -> bool:
        """Whether the piece is all of its day."""
        return self.day is not None and self.until - self.since == _DAY


def plan(since: datetime, until: datetime, built: Mapping[date, Built], now: datetime) -> list[Part]:
    """The parts of the range, in order: days of the timeline one by one, and what lies between them in one piece each."""
    anew = _read_anew(built.values(), now)
    parts: list[Part] = []
    day = since.astimezone(UTC).date()
    while (starts := datetime.combine(day, time(), UTC)) < until:
        known = built.get(day)
        part = Part(max(starts, since), min(starts + _DAY, until), known if known and day not in anew else None)
        if parts and parts[-1].day is None and part.day is None:
            parts[-1] = Part(parts[-1].since, part.until)
        else:
            parts.append(part)
        day += timedelta(days=1)
    return parts


def _read_anew(days: Iterable[Built], now: datetime) -> set[date]:
    """Days that are not fresh, and are read out of the log: the newest ones, as far as the log may be read. The others are as they are."""
    left, found = MOST_ANEW, set()
    for day in sorted(days, key=lambda day: day.day, reverse=True):
        if not day.fresh(now) and day.row_count <= left:
            left -= day.row_count
            found.add(day.day)
    return found


def as_of(parts: Iterable[Part], now: datetime, followed_at: datetime | None, *, behind: bool) -> datetime:
    """Up to when all that committed is in the answer.

    Args:
        followed_at: when the timeline last learned what had changed.
        behind: something has committed that it does not know of yet.
    """
    days = [part.day for part in parts if part.day is not None]
    if not days:
        return now
    moments = [day.built_at for day in days if day.dirty]
    if behind:
        moments.append(followed_at or min(day.built_at for day in days))
    return min(moments, default=now)


def refuse_too_many(rows: int, range_: Range, quick: Iterable[str]) -> None:
    """Check that an answer reads no more out of the log than it may.

    Args:
        quick: the filters that read nothing from there.

    Raises:
        ParameterError: it does.
    """
    if rows > MOST_ROWS:
        span = f"{range_.from_.isoformat()} to {range_.to.isoformat()}"
        raise ParameterError(
            "from",
            span,
            f"this reads more than {MOST_ROWS:,} rows out of the log; take a shorter range (days, or from and to), "
            f"or narrow it by user_email; filters other than {', '.join(sorted(quick))} always read the log",
        )
