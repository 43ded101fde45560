"""The questions of a dashboard, asked once when a process starts: so what they stand on is in memory before somebody waits for it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from prelude_analytics.answers import deals, errors, latency, rankings, summary, trends
from prelude_analytics.asking import cut_now
from prelude_analytics.filters import Filters
from prelude_analytics.ranges import Range
from prelude_analytics.sources import Counting
from prelude_otel.errors import PreludeError

if TYPE_CHECKING:
    from prelude_analytics.figures.reading import Remembered
    from prelude_analytics.settings import Settings

__all__ = ["warm_up"]

_DAYS: Final = 90
_AGAIN: Final = 5.0
"""Seconds after which a database that is away is tried again."""
_log = logging.getLogger(__name__)


async def warm_up(figures: Remembered, settings: Settings) -> None:
    """Ask, and forget the answers; again while the database is away."""
    while True:
        try:
            await _ask(figures, settings)
        except PreludeError as error:
            _log.debug("nothing is remembered yet: %s", error)
            await asyncio.sleep(_AGAIN)
        else:
            _log.info("figures of %d days are in memory, %d MiB", _DAYS, figures.memory.size // 1024**2)
            return


async def _ask(figures: Remembered, settings: Settings) -> None:
    now = datetime.now(UTC)
    among = Range(now - timedelta(days=_DAYS), now, ZoneInfo("UTC"), _DAYS).quartered()
    about, first = Counting(Filters(), among, cut_now(settings, now)), rankings.Asked(1, "", None)
    for question in (
        lambda reading: summary.summary(reading, about),
        lambda reading: trends.trends(reading, about, "day", "type", 1),
        lambda reading: trends.heatmap(reading, about),
        lambda reading: latency.latency(reading, about, "day"),
        lambda reading: errors.errors(reading, about, "day"),
        lambda reading: deals.deals(reading, about, "day"),
        lambda reading: rankings.pages(reading, about, first),
        lambda reading: rankings.users(reading, about, first),
        lambda reading: rankings.customers(reading, about, first, named=False),
        lambda reading: rankings.emails(reading, about, first),
    ):
        async with figures.read(among) as reading:
            await question(reading)
