"""Rows of the log, newest first, a portion at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from prelude_analytics import queries
from prelude_analytics.cursors import Place, Watermark
from prelude_analytics.filters import Filters
from prelude_analytics.items import columns
from prelude_analytics.sources import fetch, listed

if TYPE_CHECKING:
    from collections.abc import Collection

    from prelude_analytics.answers.hours import Action
    from prelude_analytics.database import Connection

__all__ = ["FIRST_ID", "LAST_ID", "UNHURRIED", "Found", "Scope", "Wanted", "first_place", "portion"]

FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=2**128 - 1)
_MOST_KINDS: Final = 100
"""Kinds of entity among which an id is looked for by index."""
UNHURRIED: Final = (0.0, 1.0)
"""For how long rows of a portion are compared where nobody waits for a page."""


class Wanted(NamedTuple):
    """A list: which rows, and behind which place."""

    filters: Filters
    until: datetime
    place: Place


class Scope(NamedTuple):
    """Where rows are looked for, and how.

    Attributes:
        since: no rows from before it; None: all of the list.
        seconds: for which rows may be compared: from the transaction's beginning on, and from the first of them on in any case.
        actions: all that is looked for is of one of these, whose rows are read; None: those that an index gives.
        ended: pending rows that have ended, beside ``superseded_rows``; None: the log itself is to tell which have.
        kinds: of things that there are, and maybe others, for an id without its kind; None: the log itself is to tell.
    """

    since: datetime | None = None
    seconds: tuple[float, float] = UNHURRIED
    actions: tuple[Action, ...] | None = None
    ended: list[UUID] | None = None
    kinds: Collection[str] | None = None


class Found(NamedTuple):
    """What one statement found.

    Attributes:
        behind: the place to go on from; None where there are no more rows.
        stopped: whether it stopped before the end because the time was over.
    """

    rows: list[dict[str, Any]]
    behind: Place | None
    stopped: bool = False


_ALL: Final = Scope()


async def portion(connection: Connection, wanted: Wanted, limit: int, scope: Scope = _ALL) -> Found:
    """The next rows, `limit` at most, and the place to go on from.

    There may be fewer before the end: where no index answers all filters, rows are compared only for so long.
    """
    place, by_index = wanted.place, listed(wanted.filters)
    condition, parameters = _condition(wanted, limit, scope)
    if wanted.filters.given.keys() == {"entity_id"}:
        kinds = await _kinds(connection, wanted) if scope.kinds is None else scope.kinds
        if len(kinds) < _MOST_KINDS:
            statement = queries.load("rows_of_kinds", columns=columns(), conditions=condition)
            return _cut(await fetch(connection, statement, parameters | {"kinds": sorted(kinds)}), limit, place)
    if scope.actions is None and by_index == wanted.filters:
        statement = queries.load("rows", columns=columns(), conditions=condition)
        return _cut(await fetch(connection, statement, parameters), limit, place)
    indexed, _ = by_index.where("log")
    parts = [indexed] if scope.actions is None else []
    for number, (kind, name) in enumerate(scope.actions or ()):
        action = f"log.action_type = %(type_{number})s::text AND log.action_name = %(name_{number})s::text"
        parts.append(f"{action} AND {indexed}")
        parameters |= {f"type_{number}": kind, f"name_{number}": name}
    source = " UNION ALL ".join(queries.filled("source_rows", indexed=part) for part in parts)
    statement = queries.load("compared_rows", columns=columns(), conditions=condition, source=source)
    return _compared(await fetch(connection, statement, parameters), limit, place)


def first_place(watermark: Watermark, since: datetime, until: datetime, asked: str) -> Place:
    """Before all rows."""
    return Place(watermark, since, until, LAST_ID, asked)


async def _kinds(connection: Connection, wanted: Wanted) -> list[str]:
    among = {"since": wanted.place.since, "until": wanted.until, "most": _MOST_KINDS}
    return [row["kind"] for row in await fetch(connection, queries.load("entity_types"), among)]


def _condition(wanted: Wanted, limit: int, scope: Scope) -> tuple[str, dict[str, Any]]:
    """The condition on rows: filters, and what counts at the watermark; and all parameters of a statement."""
    condition, parameters = wanted.filters.where("log")
    place = wanted.place
    # One bound alone: of two that an index can begin at it takes the other one, and steps over all rows in between.
    at = (place.timestamp, place.event_id) if place.timestamp < wanted.until else (wanted.until, FIRST_ID)
    parameters |= place.watermark.parameters() | {
        "since": scope.since or place.since,
        "at": at[0],
        "id": at[1],
        "limit": limit + 1,
        "seconds": scope.seconds[0],
        "least": scope.seconds[1],
    }
    if scope.ended is None:
        return f"{condition} AND {queries.text('counted')}", parameters
    return f"{condition} AND {queries.text('counted_near')}", parameters | {"ended": scope.ended}


def _cut(rows: list[dict[str, Any]], limit: int, place: Place) -> Found:
    """The rows, of which there may be one more than `limit`."""
    if len(rows) <= limit:
        return Found(rows, None)
    return Found(rows[:limit], _behind(place, rows[limit - 1]) if limit else place)


def _compared(rows: list[dict[str, Any]], limit: int, place: Place) -> Found:
    """The rows that fit, up to the first that was late, or up to one more than `limit`."""
    fitting: list[dict[str, Any]] = []
    for row in rows:
        if row["fits"]:
            fitting.append(row)
        if len(fitting) > limit:
            break
        if row["late"]:
            return Found(fitting, _behind(place, row), stopped=True)
    return _cut(fitting, limit, place)


def _behind(place: Place, row: dict[str, Any]) -> Place:
    return replace(place, timestamp=row["timestamp"], event_id=row["event_id"])
