"""Where activities came from: addresses, and browsers by names that people know; counted in rows, within a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from prelude_analytics import queries
from prelude_analytics.answers.shapes import Counts, RangeShown, WatermarkShown, counts
from prelude_analytics.browsers import expression
from prelude_analytics.sources import asked_rows, fetch
from prelude_analytics.statuses import ORDER

if TYPE_CHECKING:
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.sources import Counting

__all__ = ["Origins", "origins"]


class Origin(Counts):
    """One address, or one browser."""

    key: str | None = Field(description="Empty: unknown; null: all the others together.")


class Origins(BaseModel):
    """Where activities came from."""

    range: RangeShown
    watermark: WatermarkShown
    addresses: list[Origin] = Field(description="The most frequent first.")
    browsers: list[Origin] = Field(description="The most frequent first.")


async def origins(reading: Reading, counting: Counting, limit: int = 5) -> Origins:
    """By address and by browser, `limit` of each one by one.

    Raises:
        Problem: 422, there are more rows than may be read.
    """
    watermark, as_of = await reading.committed(counting.cut)
    condition, parameters = asked_rows(counting.filters)
    parameters |= watermark.parameters() | {"since": counting.range.from_, "until": counting.range.to}
    await reading.bounded(counting, parameters)
    statement = queries.load("origins", browser=expression("log.user_agent"), **{"filters} AND {counted": condition})
    rows = await fetch(reading.connection, statement, parameters)
    return Origins(
        range=RangeShown(**counting.range.shown()),  # type: ignore[arg-type]
        watermark=WatermarkShown(as_of=as_of, cursor=watermark.token),
        addresses=_top([row for row in rows if row["by_address"]], limit),
        browsers=_top([row for row in rows if not row["by_address"]], limit),
    )


def _top(rows: list[dict[str, Any]], limit: int) -> list[Origin]:
    shown = [Origin(key=row["key"], **counts(row[status] for status in ORDER)) for row in rows[:limit]]
    if len(rows) > limit:
        rest = (sum(row[status] for row in rows[limit:]) for status in ORDER)
        shown.append(Origin(key=None, **counts(rest)))
    return shown
