"""What requests of several routes have in common: their parameters, and what they mean for who asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from prelude_analytics.access import Caller, restrict
from prelude_analytics.filters import FilterQuery, Filters
from prelude_analytics.parameters import ParameterError, Parameters
from prelude_analytics.ranges import Range, RangeQuery
from prelude_analytics.sources import Counting
from prelude_analytics.statuses import cut_at
from prelude_analytics.zones import STEPS, Step

if TYPE_CHECKING:
    from prelude_analytics.settings import Settings

__all__ = ["CursorQuery", "LimitQuery", "PanelQuery", "StepQuery", "asked", "counting", "cut_now", "step_of"]

_DAY: Final = timedelta(days=1)
_STEPS: Final[tuple[tuple[timedelta, Step], ...]] = ((2 * _DAY, "hour"), (100 * _DAY, "day"), (800 * _DAY, "week"))
"""Up to which length of a range which step is taken, where none is asked for."""


class PanelQuery(FilterQuery, RangeQuery):
    """Filters and a range."""


class StepQuery(Parameters):
    """Steps of time."""

    step: str | None = Field(
        None,
        description="How long each step is, by the calendar of `tz`. By default the range decides.",
        json_schema_extra={"enum": [*STEPS]},
    )


class LimitQuery(Parameters):
    """How much of a list."""

    limit: int = Field(100, ge=1, le=1000, description="Items at most.")


class CursorQuery(LimitQuery):
    """A page of a list."""

    cursor: str | None = Field(
        None, description="`next_cursor` of the page before; the other parameters stay the same."
    )


def cut_now(settings: Settings, now: datetime) -> datetime:
    """Pending rows from before this moment read as timeout, for who asks `now`."""
    return cut_at(now, timedelta(seconds=settings.pending_timeout))


def counting(query: PanelQuery, caller: Caller, settings: Settings) -> Counting:
    """What figures count that `caller` asks for; the range is widened to whole quarters of an hour.

    Raises:
        ParameterError: a value is not allowed.
        Problem: 403, the rows are somebody else's.
    """
    now = datetime.now(UTC)
    filters: Filters = restrict(caller, query.filters())
    return Counting(filters, query.range(now).quartered(), cut_now(settings, now))


def step_of(query: StepQuery, among: Range) -> Step:
    """The step that is asked for, or that suits the range.

    Raises:
        ParameterError: it is no step.
    """
    for known in STEPS:
        if query.step == known:
            return known  # type: ignore[return-value]
    if query.step is not None:
        raise ParameterError("step", query.step, f"it is one of {', '.join(STEPS)}")
    length = among.to - among.from_
    return next((step for most, step in _STEPS if length <= most), "month")


def asked(query: Parameters, filters: Filters, of: str = "") -> str:
    """Digest of what a list is about: a cursor belongs to it.

    Args:
        of: what is listed, where the parameters do not tell.
    """
    content: dict[str, Any] = query.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)
    text = json.dumps([of, content, sorted(filters.given.items())], sort_keys=True)
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()
