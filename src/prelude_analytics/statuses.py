"""The status as which a row reads: a pending one that nobody ended in time reads as timeout (ruling 19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from prelude_otel.contract.vocabulary import ERROR, PENDING, SUCCESS, TIMEOUT

__all__ = ["ORDER", "QUARTER", "cut_at", "effective", "quarter_ceil", "quarter_floor"]

ORDER: Final = (SUCCESS, ERROR, PENDING, TIMEOUT)
"""The four, in the order in which answers show them."""

QUARTER: Final = timedelta(minutes=15)
"""The finest grain of a rollup."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def quarter_floor(moment: datetime) -> datetime:
    """The quarter of an hour, in UTC, that `moment` is in."""
    return moment.astimezone(UTC) - (moment - _EPOCH) % QUARTER


def quarter_ceil(moment: datetime) -> datetime:
    """The first quarter of an hour that begins at `moment` or later."""
    floor = quarter_floor(moment)
    return floor if floor == moment else floor + QUARTER


def cut_at(now: datetime, pending_timeout: timedelta) -> datetime:
    """Pending rows from before this moment read as timeout. A whole quarter, so that rollups and raw rows agree."""
    return quarter_floor(now - pending_timeout)


def effective(status: str, timestamp: datetime, cut: datetime) -> str:
    """The status as which a row of `timestamp` reads."""
    return TIMEOUT if status == PENDING and timestamp < cut else status
