"""What requests about the timeline have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from prelude_analytics.access import Caller, restrict
from prelude_analytics.answers.shapes import KEPT_FROM
from prelude_analytics.filters import FilterQuery, Filters
from prelude_analytics.parameters import ParameterError
from prelude_analytics.ranges import Range, RangeQuery
from prelude_analytics.statuses import cut_at
from prelude_otel.contract.vocabulary import ACTION_TYPES

if TYPE_CHECKING:
    from prelude_analytics.figures.reading import Reading
    from prelude_analytics.settings import Settings
    from prelude_analytics.timeline.load import Timeline
    from prelude_analytics.timeline.memory import Memory
    from prelude_analytics.timeline.picking import Action

__all__ = ["MOST_DAYS", "Asked", "TimelineAnswer", "TimelineQuery", "action_of", "asked", "framed"]

_LONGEST_NAME: Final = 200
_DAY: Final = timedelta(days=1)
MOST_DAYS: Final = 400
"""Days that a question may be about."""


class TimelineQuery(FilterQuery, RangeQuery):
    """Filters and a range. What the filters leave out is as if it had not happened."""


class TimelineRange(BaseModel):
    """The range that the answer is about."""

    model_config = ConfigDict(populate_by_name=True)

    from_: datetime = Field(alias="from", description="Beginning.")
    to: datetime = Field(description="End, not part of the range.")
    tz: str = Field(description="The zone whose calendar the answer goes by.")


class TimelineFreshness(BaseModel):
    """How far the answer has counted."""

    as_of: datetime = Field(description="All that was committed before then is in the answer.")


class TimelineAnswer(BaseModel):
    """The frame of an answer."""

    range: TimelineRange
    watermark: TimelineFreshness
    rows_kept_from: datetime | None = KEPT_FROM


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about."""

    range: Range
    filters: Filters
    cut: datetime

    async def reaching(self, reading: Reading) -> Asked:
        """The same, with what is dated ahead of now, where nobody said where the range ends."""
        if not self.range.open:
            return self
        return replace(self, range=self.range.reaching(await reading.newest_ahead(self.range.to)))

    async def timeline(self, reading: Reading, memory: Memory, *, from_log: bool = False) -> Timeline:
        """The rows that it is about."""
        from prelude_analytics.timeline.load import Timeline

        about = self.range, self.filters, self.cut
        timeline = await Timeline.open(reading.connection, *about, from_log=from_log, memory=memory)
        whose = Filters(user_email=self.filters.user_email)
        timeline.rows_kept_from = await reading.rows_kept_from(whose, self.range.from_, self.range.to, people=True)
        return timeline


def asked(query: TimelineQuery, caller: Caller, settings: Settings) -> Asked:
    """What `caller` asks for.

    Raises:
        ParameterError: a value is not allowed.
        Problem: 403, the rows are somebody else's.
    """
    now = datetime.now(UTC)
    range_ = query.range(now)
    if range_.to - range_.from_ > MOST_DAYS * _DAY:
        name, value = ("days", query.days) if query.days else ("from", query.from_)
        raise ParameterError(name, value, f"what follows what is asked of at most {MOST_DAYS} days")
    cut = cut_at(now, timedelta(seconds=settings.pending_timeout))
    return Asked(range_, restrict(caller, query.filters()), cut)


def framed(timeline: Timeline) -> dict[str, Any]:
    """The fields of `TimelineAnswer`."""
    return {
        "range": timeline.range.shown(),
        "watermark": {"as_of": timeline.as_of},
        "rows_kept_from": timeline.rows_kept_from,
    }


def action_of(parameter: str, text: str) -> Action:
    """Type and name of an activity that a client wrote as ``type.name``.

    Raises:
        ParameterError: it is none.
    """
    kind, point, name = text.partition(".")
    if not point or kind not in ACTION_TYPES or not 0 < len(name) <= _LONGEST_NAME or "\x00" in name:
        allowed = f"it is type.name, such as crm.create_deal; types are {', '.join(sorted(ACTION_TYPES))}"
        raise ParameterError(parameter, text, allowed)
    return kind, name
