"""Which hours of the log may hold rows that filters let through, as the rollups tell, so that no row is compared where there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from prelude_analytics import groups
from prelude_analytics.answers.clock import struck
from prelude_analytics.figures.tables import ACTIVITIES
from prelude_analytics.filters import CLOCKS, NONE, ROLLED_UP
from prelude_analytics.sources import listed
from prelude_otel.contract.vocabulary import ERROR, PENDING, SUCCESS, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from prelude_analytics.answers.uncounted import Uncounted
    from prelude_analytics.cursors import Place
    from prelude_analytics.figures.frames import Ints
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.filters import Filters

__all__ = ["Action", "Stretch", "kinds", "stretches", "told"]

Action: TypeAlias = tuple[str, str]
"""Type and name."""

_HOUR: Final = timedelta(hours=1)
_SECONDS: Final = 3600
_MINUTES: Final = 60
_DAY_MINUTES: Final = 1440
_EXACT: Final = ROLLED_UP | {"page_route", "action_group"}
"""Filters of which the rollups know how many such rows each hour has."""
_ACTIONS: Final = {"email_method": groups.ACTIONS["emails"], "deal_value": (groups.CREATE_DEAL,)}
"""Filters that only rows of these actions have."""
_KNOWN: Final = _EXACT | CLOCKS | _ACTIONS.keys()
"""Filters of which the rollups, or the calendar, know which hours may have such rows."""
_NEWEST: Final = timedelta(days=7)
"""Of the rollups that are looked at first; pages of most lists are in it."""
_AT_ONCE: Final = timedelta(days=100)
"""Of the rollups that are looked at in one go behind it."""
_GAP: Final = 2_000
"""Rows between two hours that are compared rather than passed over: a statement takes as long."""
_LONGEST: Final = 20_000
"""Rows of one stretch, about; more are not compared for one page."""
_MOST_ACTIONS: Final = 6
"""Actions whose rows are merged, rather than all rows compared."""
_MERGING: Final = 1.5
"""How much longer a row takes that is merged."""
_CUT: Final = "…"
"""In keys of rollups that stand for a longer text."""


class Stretch(NamedTuple):
    """Hours on end.

    Attributes:
        rows: that are compared in it, about.
        actions: all rows that are looked for are of one of these, which an index gives; None: the index that lists are read by gives less.
    """

    since: datetime
    until: datetime
    rows: int
    actions: tuple[Action, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Counts:
    """By hour from `since` on.

    Attributes:
        read: rows that an index gives.
        fitting: those of them that may be let through.
        actions: as of `Stretch`.
    """

    since: datetime
    read: Ints
    fitting: Ints
    actions: tuple[Action, ...] | None


def told(filters: Filters, beyond: Uncounted | None) -> bool:
    """Whether rollups and calendar tell which hours may have such rows."""
    if beyond is None or beyond.rebuilding:
        return False
    # A pending row that was ended since is in the list, and is not counted any more.
    if beyond.let_go and filters.result_status not in {SUCCESS, ERROR}:
        return False
    return bool(filters.given.keys() & _KNOWN) and listed(filters).within(ROLLED_UP - {"entity_type"})


async def stretches(
    reading: Reading, filters: Filters, place: Place, beyond: Uncounted, wanted: int
) -> AsyncIterator[Stretch]:
    """What is to be looked through for rows behind `place`, the newest first. Outside there is none in the list.

    Args:
        beyond: what the list has of which the rollups do not tell.
        wanted: rows that are looked for. Where it is known how many there are, a stretch has no more than it takes.
    """
    is_pending = filters.result_status == PENDING  # an older one reads as a timeout
    begin = max(place.since, place.watermark.cut) if is_pending else place.since
    until, span = _hour(place.timestamp) + _HOUR, _NEWEST
    enough = wanted if filters.within(_EXACT | CLOCKS | {"tz"}) else None
    newest = True
    while until > begin:
        since = max(until - span, _hour(begin))
        counts = await _counts(reading, filters, beyond, since, until)
        if newest and enough is not None and counts.fitting.sum() < enough and since > begin:
            since = max(since - _AT_ONCE, _hour(begin))  # one statement for all, rather than two
            counts = await _counts(reading, filters, beyond, since, until)
        for stretch in _within(counts, _marked(counts, filters, beyond), enough, newest=newest):
            yield stretch._replace(since=max(stretch.since, begin))
        until, span, newest = since, _AT_ONCE, False


async def kinds(reading: Reading, place: Place, until: datetime, beyond: Uncounted) -> frozenset[str] | None:
    """The kinds of things that rows of a list have, and maybe others; None: the rollups do not tell."""
    if beyond.rebuilding or beyond.let_go:
        return None
    since = place.since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    frames, dictionaries = await reading.frames(ACTIVITIES, _DAY_MINUTES, since, until)
    column, keys = ACTIVITIES.keys.index("entity_type"), dictionaries["key"]
    found = {keys[number][column] for frame in frames for number in np.unique(frame["key"]).tolist()}
    return None if any(_CUT in kind for kind in found) else beyond.kinds | found - {""}


async def _counts(reading: Reading, filters: Filters, beyond: Uncounted, since: datetime, until: datetime) -> _Counts:
    frames, dictionaries = await reading.frames(ACTIVITIES, _MINUTES, since, until)
    first, size = int(since.timestamp()) // _SECONDS, (until - since) // _HOUR
    keys = dictionaries["key"]

    def counted(passing: Ints) -> Ints:
        found = np.zeros(size)
        for frame in frames:
            chosen = np.flatnonzero(passing[frame["key"]])
            hours = frame["bucket"][chosen] // _SECONDS - first
            found += np.bincount(hours, weights=frame["count"][chosen], minlength=size)
        return found

    by_index, fits = listed(filters), keys.where(_condition(filters))
    fitting, read = counted(fits), counted(keys.where(_condition(by_index)))
    if by_index.action_name is None:
        met = {number for frame in frames for number in np.unique(frame["key"]).tolist() if fits[number]}
        actions = _named({_action(keys[number]) for number in met}, filters, beyond)
        if actions is not None:
            among = counted(keys.where(_condition(by_index)) & keys.where(lambda key: _action(key) in actions))
            marked = fitting > 0
            if among[marked].sum() * _MERGING < read[marked].sum():
                return _Counts(since, among, fitting, actions)
    return _Counts(since, read, fitting, None)


def _named(met: set[Action], filters: Filters, beyond: Uncounted) -> tuple[Action, ...] | None:
    """The actions of rows that are looked for; None where they are too many, or not known by their whole names."""
    holds = _condition(filters, only=("action_type", "action_name"))
    found = met | {action for action in beyond.actions if holds((action[0], groups.key(action[1])))}
    if filters.action_name is not None:
        found = {(kind, filters.action_name) for kind, _ in found}
    if len(found) > _MOST_ACTIONS or any(_CUT in name for _, name in found):
        return None
    return tuple(sorted(found))


def _action(key: tuple[str, ...]) -> Action:
    return key[0], key[1]


def _condition(filters: Filters, only: Collection[str] = ACTIVITIES.keys) -> Any:
    """Whether a key of the rollups may be of rows that `filters` let through.

    Args:
        only: the columns that the key has: the first ones of it.
    """
    wanted = [(ACTIVITIES.keys.index(column), values) for column, values in _wanted(filters) if column in only]
    return lambda key: all(key[place] in values for place, values in wanted)


def _wanted(filters: Filters) -> Iterator[tuple[str, Collection[str]]]:
    """Columns of the rollups, and what they have where rows are let through."""
    for name, value in filters.given.items():
        if name in _ACTIONS:
            yield "action_name", _ACTIONS[name]
        elif name == "action_group":
            yield "action_name", groups.ACTIONS[value]
        elif name == "result_status":
            yield name, (TIMEOUT, PENDING) if value == TIMEOUT else (value,)
        elif name in _EXACT:
            yield name, ("" if value == NONE else str(groups.key(value)),)


def _marked(counts: _Counts, filters: Filters, beyond: Uncounted) -> Ints:
    """Whether an hour may have rows that are looked for."""
    marked = counts.fitting > 0
    first = int(counts.since.timestamp()) // _SECONDS
    more = [hour // _SECONDS - first for hour in beyond.hours]
    marked[[hour for hour in more if 0 <= hour < len(marked)]] = True
    if filters.given.keys() & CLOCKS:
        marked &= struck(filters, first, len(marked))
    return marked


def _within(counts: _Counts, marked: Ints, enough: int | None, *, newest: bool) -> Iterator[Stretch]:
    """The hours that are to be looked through, near ones together, the newest first.

    Args:
        enough: rows that are looked for in one stretch; None: it is not known how many there are.
        newest: whether the last hour is that of the place behind which rows are looked for: some of its rows lie before.
    """
    upto = np.concatenate(([0], np.cumsum(counts.read))).astype(np.int64).tolist()
    fitting, last = counts.fitting.tolist(), len(marked) - 1
    low = high = None
    found = 0
    for hour in np.flatnonzero(marked)[::-1].tolist():
        if low is not None and high is not None and upto[low] - upto[hour + 1] > _GAP:
            yield _stretch(low, high, upto, counts)
            high = None
        low, high, found = hour, hour if high is None else high, 0 if high is None else found
        found += 0 if newest and hour == last else fitting[hour]
        if (enough is not None and found >= enough) or upto[high + 1] - upto[low] > _LONGEST:
            yield _stretch(low, high, upto, counts)
            high = None
    if low is not None and high is not None:
        yield _stretch(low, high, upto, counts)


def _stretch(low: int, high: int, upto: list[int], counts: _Counts) -> Stretch:
    since, until = counts.since + low * _HOUR, counts.since + (high + 1) * _HOUR
    return Stretch(since, until, upto[high + 1] - upto[low], counts.actions)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
