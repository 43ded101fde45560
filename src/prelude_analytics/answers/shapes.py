"""What several answers have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from prelude_analytics.figures.sheet import Sheet
from prelude_analytics.sources import Counting
from prelude_analytics.statuses import ORDER

__all__ = ["KEPT_FROM", "RELATIVE_ERROR", "Answer", "Counts", "Percentiles", "WatermarkShown", "counts", "framed"]

RELATIVE_ERROR: Final = 0.01


KEPT_FROM: Any = Field(
    None,
    description="Null unless some of what is asked for went by retention: then the moment from which on all is there. Before it the answer knows"
    " only of what is left. Counts that are not about people outlive rows, and are whole all the same.",
)


class RangeShown(BaseModel):
    """The range that the answer is about; give it, with ``as_of``, to a list, and the list has what was counted."""

    model_config = ConfigDict(populate_by_name=True)

    from_: datetime = Field(alias="from", description="Beginning, a whole quarter of an hour.")
    to: datetime = Field(description="End, not part of the range.")
    tz: str = Field(description="The zone whose calendar the answer goes by.")


class WatermarkShown(BaseModel):
    """How far the answer has counted."""

    as_of: datetime | None = Field(description="What was committed before then is counted; null before anything was.")
    cursor: str = Field(description="For `as_of` of lists and exports, and for `cursor` of the live feed.")


class Counts(BaseModel):
    """How many activities, and with which result. A pending one that was ended is not counted; what ended it is."""

    count: int = Field(default=0, description="All of them.")
    success: int = 0
    error: int = 0
    pending: int = 0
    timeout: int = Field(default=0, description="Those that say so, and pending ones that nobody ended in time.")


class Answer(BaseModel):
    """The frame of an answer."""

    range: RangeShown
    watermark: WatermarkShown
    source: Literal["rollups", "rows"] = Field(description="Whether it was read from rollups, or from rows.")
    rows_kept_from: datetime | None = KEPT_FROM


class Percentiles(BaseModel):
    """Lengths in milliseconds, of the activities whose length is known."""

    measured: int = Field(description="How many have a known length.")
    p50: float | None
    p95: float | None
    p99: float | None


def framed(source: Sheet, counting: Counting) -> dict[str, Any]:
    """The fields of `Answer`."""
    return {
        "range": counting.range.shown(),
        "watermark": {"as_of": source.as_of, "cursor": source.watermark.token},
        "source": source.kind,
        "rows_kept_from": source.rows_kept_from,
    }


def counts(by_status: Iterable[int]) -> dict[str, int]:
    """The fields of `Counts`, from a number for each of `statuses.ORDER`."""
    statuses = dict(zip(ORDER, map(int, by_status), strict=True))
    return {"count": sum(statuses.values()), **statuses}
