"""What a question counts, and how it reads rows of the log, within a bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from prelude_analytics import queries
from prelude_analytics.cursors import Watermark
from prelude_analytics.filters import NONE, Filters
from prelude_analytics.problems import Problem
from prelude_analytics.ranges import Range
from prelude_analytics.statuses import QUARTER, quarter_floor
from prelude_otel.contract.vocabulary import ERROR, PENDING, TIMEOUT

if TYPE_CHECKING:
    from prelude_analytics.database import Connection

__all__ = [
    "MOST_ROWS",
    "TOO_MUCH",
    "Counting",
    "asked_rows",
    "between",
    "bounded",
    "fetch",
    "in_lanes",
    "indexed",
    "listed",
    "newest",
    "newest_ahead",
    "nothing_yet",
    "rebuilding",
    "rows_kept_from",
    "watermark_of_rollups",
    "watermark_of_rows",
]

MOST_ROWS: Final = 100_000
"""Rows that answering one question may read."""
TOO_MUCH: Final = "Too much"
"""Title of the problem of reading more."""


@dataclass(frozen=True, slots=True)
class Counting:
    """What a figure counts.

    Attributes:
        range: in whole quarters of an hour.
        cut: pending rows from before it read as timeout.
        as_of: count only what was committed by then: the first page's watermark, on further pages. None: all that is known.
    """

    filters: Filters
    range: Range
    cut: datetime
    as_of: Watermark | None = None


def asked_rows(filters: Filters) -> tuple[str, dict[str, Any]]:
    """The condition on rows of the log, called ``log``: `filters`, and what counts at a watermark; and the filters' parameters."""
    condition, parameters = filters.where("log")
    return f"{condition} AND {queries.text('counted')}", parameters


def indexed(filters: Filters) -> Filters:
    """The part of `filters` that an index answers; the rest is compared row by row."""
    if filters.user_email is not None:
        return Filters(user_email=filters.user_email)
    if filters.entity_type not in {None, NONE} and filters.entity_id is not None:
        return Filters(entity_type=filters.entity_type, entity_id=filters.entity_id)
    if filters.action_type is not None and filters.action_name is not None:
        return Filters(action_type=filters.action_type, action_name=filters.action_name)
    return Filters()


def listed(filters: Filters) -> Filters:
    """As `indexed`, for lists, which read few rows at a time: what did not succeed is found among such rows alone."""
    by_index, status = indexed(filters), filters.result_status
    if status not in {ERROR, PENDING, TIMEOUT} or "entity_id" in by_index.given:
        return by_index
    if filters.user_email is not None:
        return Filters(user_email=filters.user_email, result_status=status)
    if filters.action_name is not None:
        return Filters(action_type=filters.action_type, action_name=filters.action_name, result_status=status)
    return Filters(result_status=status)


def between(low: Watermark, high: Watermark) -> list[tuple[int, int, int]]:
    """Where `high` is further than `low`: the lane, behind which number, and up to which."""
    return [
        (lane, low.lanes.get(lane, 0), last)
        for lane, last in sorted(high.lanes.items())
        if last > low.lanes.get(lane, 0)
    ]


def in_lanes(places: list[tuple[int, int, int]]) -> str:
    """The condition on rows of the log that they are `between`; of numbers alone, which the planner can count with."""
    parts = [
        f"(log.lane = {lane:d} AND log.lane_seq > {low:d} AND log.lane_seq <= {high:d})" for lane, low, high in places
    ]
    return f"({' OR '.join(parts) or 'false'})"


async def fetch(connection: Connection, statement: Any, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a statement."""
    cursor = await connection.execute(statement, parameters)
    return await cursor.fetchall()


async def newest_ahead(connection: Connection, moment: datetime) -> datetime | None:
    """The time of the newest row, if that is dated at `moment` or later."""
    (found,) = await fetch(connection, queries.load("newest_ahead"), {"moment": moment})
    newest: datetime | None = found["newest"]
    return newest


async def nothing_yet(connection: Connection) -> bool:
    """Whether nothing was ever committed. The rollups are looked at first, since rows lie in many partitions."""
    for name in ("ever_counted", "ever_committed"):
        (found,) = await fetch(connection, queries.load(name), {})
        if found["ever"]:
            return False
    return True


async def rebuilding(connection: Connection) -> bool:
    """Whether rollups are being made anew."""
    (found,) = await fetch(connection, queries.load("rebuilding"), {})
    return bool(found["rebuilding"])


async def watermark_of_rollups(connection: Connection, cut: datetime) -> tuple[Watermark, datetime | None]:
    """How far the rollups have counted, and what was committed before when that is."""
    return await _watermark(connection, "watermark_of_rollups", cut)


async def watermark_of_rows(connection: Connection, cut: datetime) -> tuple[Watermark, datetime | None]:
    """All that is committed, and when that was."""
    return await _watermark(connection, "watermark_of_rows", cut)


async def _watermark(connection: Connection, name: str, cut: datetime) -> tuple[Watermark, datetime | None]:
    (found,) = await fetch(connection, queries.load(name), {})
    lanes = {int(lane): int(seq) for lane, seq in (found["lanes"] or {}).items()}
    return Watermark(lanes, cut), found["as_of"]


async def newest(connection: Connection, about: Counting) -> Counting:
    """`about`, or the newest part of its range, in whole quarters of an hour, that has no more rows than may be read."""
    among = about.range
    condition, parameters = indexed(about.filters).where("log")
    parameters |= {"since": among.from_, "until": among.to, "bound": MOST_ROWS}
    too_many = await fetch(connection, queries.load("newest", indexed=condition), parameters)
    if not too_many:
        return about
    since = min(quarter_floor(too_many[0]["timestamp"]) + QUARTER, among.to - QUARTER)
    return replace(about, range=replace(among, from_=since, days=None))


async def rows_kept_from(
    connection: Connection, filters: Filters, since: datetime, until: datetime, *, people: bool = False
) -> datetime | None:
    """From when on all rows of a range that `filters` ask for are there; None: none of them went by retention.

    Args:
        people: whether it matters whose they are, which may go before the row.
    """
    asked = {
        "since": since, "until": until, "people": people or filters.user_email is not None,
        "action_type": filters.action_type, "action_name": filters.action_name,
    }  # fmt: skip
    (found,) = await fetch(connection, queries.load("rows_kept_from"), asked)
    kept_from: datetime | None = found["kept_from"]
    return kept_from


async def bounded(connection: Connection, filters: Filters, parameters: dict[str, Any]) -> None:
    """Refuse what would read too many rows.

    Raises:
        Problem: 422, with what to narrow.
    """
    by_index = indexed(filters)
    condition, _ = by_index.where("log")
    (extent,) = await fetch(connection, queries.load("extent", indexed=condition), parameters | {"bound": MOST_ROWS})
    if extent["rows"] <= MOST_ROWS:
        return
    unindexed = ", ".join(sorted(filters.given.keys() - by_index.given.keys())) or ", ".join(sorted(filters.given))
    raise Problem(
        422,
        TOO_MUCH,
        f"{unindexed} is answered from rows, and in this range more than {MOST_ROWS} would have to be read; ask for a shorter time"
        " (days, or from and to), or narrow it by user_email, by entity_type and entity_id, or by action_type and action_name",
        narrow=["days", "from", "to", "user_email", "entity_type", "entity_id", "action_type", "action_name"],
        bound=MOST_ROWS,
    )
