"""Ages and moments as they are typed on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

__all__ = ["AGE", "MOMENT"]

_AGE: Final = re.compile(r"([0-9]{1,5})(m|h|d|w)\Z")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class _Age(click.ParamType[timedelta]):
    """``30m``, ``12h``, ``90d``, ``4w``."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """A length of time."""
        if isinstance(value, timedelta):
            return value
        found = _AGE.match(value)
        if found is None:
            self.fail(f"{value!r} is no age; write a number and m, h, d or w: 90d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class _Moment(click.ParamType[datetime]):
    """An age before now, or a date or time in ISO 8601; UTC where it names no zone."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """A moment with its zone."""
        if isinstance(value, datetime):
            return value
        if _AGE.match(value):
            return datetime.now(UTC) - AGE.convert(value, param, ctx)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither an age (2h, 7d) nor a time (2026-01-31T12:00)", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


AGE: Final = _Age()
MOMENT: Final = _Moment()
