"""No hour is passed over in which somebody's clock strikes what is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from prelude_analytics.answers.clock import struck
from prelude_analytics.filters import Filters

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 24 * 365


@pytest.mark.parametrize(
    "tz", [None, "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]
)
@pytest.mark.parametrize(("weekday", "hour"), [("1", "9"), ("7", None), (None, "2"), (None, "23")])
def test_each_moment_that_fits_is_in_an_hour_that_is_marked(
    tz: str | None, weekday: str | None, hour: str | None
) -> None:
    filters = Filters(weekday=weekday, hour=hour, tz=tz)
    marked = struck(filters, int(FIRST.timestamp()) // 3600, HOURS)
    chance, fitting = Random(5), 0
    for _ in range(20_000):
        moment = FIRST + timedelta(seconds=chance.randrange(HOURS * 3600))
        if filters.matches({"timestamp": moment}, FIRST):
            fitting += 1
            assert marked[(moment - FIRST) // timedelta(hours=1)], moment
    assert fitting > 50
    assert marked.sum() < HOURS / 3
