"""Which hours of the log fall on a weekday, and on an hour of the clock, of somewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from prelude_analytics.zones import zone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prelude_analytics.filters import Filters

__all__ = ["struck"]

_SECONDS: Final = 3600
_LAST: Final = timedelta(hours=1) - timedelta(microseconds=1)


def struck(filters: Filters, first: int, count: int) -> NDArray[np.bool_]:
    """Of `count` hours from `first` on, which may have a moment that is on the `weekday` and in the `hour` that `filters` ask for.

    Args:
        first: hours since 1970 in UTC. Where clocks are not whole hours from there, an hour here has parts of two.
    """
    tz = zone(filters.tz or "UTC")

    def is_wanted(moment: datetime) -> bool:
        local: Any = moment.astimezone(tz)
        return (filters.weekday is None or local.isoweekday() == int(filters.weekday)) and (
            filters.hour is None or local.hour == int(filters.hour)
        )

    begins = (datetime.fromtimestamp((first + number) * _SECONDS, UTC) for number in range(count))
    found = (is_wanted(begin) or is_wanted(begin + _LAST) for begin in begins)
    return np.fromiter(found, dtype=np.bool_, count=count)
