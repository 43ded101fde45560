"""Where a figure comes from: rollups where they know all that is asked, else rows, within a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from prelude_analytics import queries
from prelude_analytics.cursors import Watermark
from prelude_analytics.filters import ROLLED_UP, Filters
from prelude_analytics.problems import Problem
from prelude_analytics.ranges import GRAINS, Range, pieces

if TYPE_CHECKING:
    from prelude_analytics.database import Connection

__all__ = [
    "ACTIVITIES",
    "CUSTOMERS",
    "DEAL_VALUES",
    "EMAILS",
    "LATENCIES",
    "MOST_ROWS",
    "USERS",
    "Counting",
    "Source",
    "Table",
    "asked_rows",
    "fetch",
    "indexed",
    "source",
    "watermark_of_rollups",
    "watermark_of_rows",
]

MOST_ROWS: Final = 100_000
"""Rows that answering one question may read."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of rollups, and the same figures from rows: ``sql/from_<name>_rollups.sql`` and ``sql/from_<name>_rows.sql``.

    Attributes:
        filters: those that the rollups know.
        grains: in minutes, the coarsest first.
    """

    name: str
    filters: frozenset[str]
    grains: tuple[int, ...] = GRAINS


_COARSE: Final = (1440, 15)
ACTIVITIES: Final = Table("activity", ROLLED_UP)
LATENCIES: Final = Table("latency", ROLLED_UP - {"entity_type"})
USERS: Final = Table("user", frozenset({"user_email", "action_type"}))
CUSTOMERS: Final = Table("customer", frozenset({"action_name"}), _COARSE)
EMAILS: Final = Table("email", frozenset({"user_email", "action_name", "result_status"}), _COARSE)
DEAL_VALUES: Final = Table("deal_value", frozenset({"result_status"}), _COARSE)


@dataclass(frozen=True, slots=True)
class Counting:
    """What a figure counts.

    Attributes:
        range: in whole quarters of an hour.
        cut: pending rows from before it read as timeout.
    """

    filters: Filters
    range: Range
    cut: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """A query that a question puts into its own, with its parameters.

    Attributes:
        kind: what is read.
        as_of: what was committed before then is counted.
    """

    kind: Literal["rollups", "rows"]
    statement: str
    parameters: dict[str, Any]
    watermark: Watermark
    as_of: datetime | None


async def source(
    connection: Connection,
    table: Table,
    counting: Counting,
    edges: Sequence[datetime] = (),
    variant: str = "",
    beside: Table | None = None,
) -> Source:
    """Where `counting` is answered from.

    Args:
        connection: within a transaction of one snapshot, in which the source is read as well.
        edges: moments that no bucket may cross; the range's ends do not matter.
        variant: another statement over the same rollups.
        beside: what else the same answer reads; both come from rollups, or both from rows, so that they agree.

    Raises:
        Problem: 422, the rollups do not know what is asked, and rows would be too many.
    """
    since, until = counting.range.from_, counting.range.to
    if counting.filters.within(table.filters & (beside or table).filters):
        watermark, as_of = await watermark_of_rollups(connection, counting.cut)
        condition, parameters = counting.filters.where("rollup", rollup=True)
        cover = pieces([since, *(edge for edge in edges if since < edge < until), until], counting.cut, table.grains)
        parameters |= {
            "grains": [piece.grain for piece in cover],
            "sinces": [piece.since for piece in cover],
            "untils": [piece.until for piece in cover],
        }
        statement = queries.text(variant or f"from_{table.name}_rollups").replace("{filters}", condition)
        return Source("rollups", statement, parameters | watermark.parameters(), watermark, as_of)
    watermark, as_of = await watermark_of_rows(connection, counting.cut)
    condition, parameters = asked_rows(counting.filters)
    parameters |= {"since": since, "until": until, "bound": MOST_ROWS, **watermark.parameters()}
    await _bounded(connection, counting.filters, parameters)
    statement = queries.text(f"from_{table.name}_rows").replace("{filters} AND {counted}", condition)
    return Source("rows", statement, parameters, watermark, as_of)


def asked_rows(filters: Filters) -> tuple[str, dict[str, Any]]:
    """The condition on rows of the log, called ``log``: `filters`, and what counts at a watermark; and the filters' parameters."""
    condition, parameters = filters.where("log")
    return f"{condition} AND {queries.text('counted')}", parameters


def indexed(filters: Filters) -> Filters:
    """The part of `filters` that an index answers; the rest is compared row by row."""
    if filters.user_email is not None:
        return Filters(user_email=filters.user_email)
    if filters.entity_type is not None and filters.entity_id is not None:
        return Filters(entity_type=filters.entity_type, entity_id=filters.entity_id)
    if filters.action_type is not None and filters.action_name is not None:
        return Filters(action_type=filters.action_type, action_name=filters.action_name)
    return Filters()


async def fetch(connection: Connection, statement: Any, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a statement."""
    cursor = await connection.execute(statement, parameters)
    return await cursor.fetchall()


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


async def _bounded(connection: Connection, filters: Filters, parameters: dict[str, Any]) -> None:
    by_index = indexed(filters)
    condition, _ = by_index.where("log")
    (extent,) = await fetch(connection, queries.load("extent", indexed=condition), parameters)
    if extent["rows"] <= MOST_ROWS:
        return
    unindexed = ", ".join(sorted(filters.given.keys() - by_index.given.keys())) or ", ".join(sorted(filters.given))
    raise Problem(
        422,
        "Too much",
        f"{unindexed} is answered from rows, and in this range more than {MOST_ROWS} would have to be read; ask for a shorter time"
        " (days, or from and to), or narrow it by user_email, by entity_type and entity_id, or by action_type and action_name",
        narrow=["days", "from", "to", "user_email", "entity_type", "entity_id", "action_type", "action_name"],
        bound=MOST_ROWS,
    )
