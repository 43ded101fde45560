"""Cohorts: of those who came first in one period, how many came back in which."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from prelude_analytics.parameters import ParameterError
from prelude_analytics.timeline.asked_cohorts import ROLLING_DAYS
from prelude_analytics.zones import midnight
from prelude_dashboard.names import askable, names_of
from prelude_dashboard.screen import Screen

if TYPE_CHECKING:
    from prelude_analytics.timeline.asked_cohorts import Cohorts
    from prelude_dashboard.asking import Asking
    from prelude_dashboard.state import State

__all__ = ["SCREEN", "show"]

SCREEN: Final = Screen("cohorts", "/cohorts", "Cohorts", "c", refresh=60, told="people")

NOTHING_OPEN: Final = {"open": None, "cursor": None}
"""Another table has other people behind it."""

Unit = Literal["day", "week", "month"]
_UNITS: Final[dict[Unit, timedelta]] = {
    "day": timedelta(days=14),
    "week": timedelta(days=140),
    "month": timedelta(days=400),
}
"""Up to which length of a range which unit is taken, where none is asked for."""
_MOST: Final = 62
"""Periods of one table: more would neither be read nor fit."""
_PEOPLE: Final = 100
_NAMES: Final = 60


async def show(ask: Asking) -> dict[str, Any]:
    """The table, and the people behind a number."""
    state, among = ask.state, ask.counting.range
    found, fault = None, None
    unit = _unit(state["unit"], among.to - among.from_)
    length = timedelta(days=ROLLING_DAYS.get(unit, 28))
    summary = await ask.summary()
    too_many = (among.to - among.from_) / length > _MOST
    day, later = None, None
    if not too_many:
        try:
            day, later = _opened(state["open"])
            found = await ask.cohorts(**_asked(state, unit, day, later))
        except ParameterError as error:
            fault = error
    return {
        "found": found,
        "fault": fault,
        "too_many": too_many,
        "unit": unit,
        "units": tuple(_UNITS),
        "rolling": state["periods"] == "rolling",
        "columns": max((len(one.returned) for one in found.cohorts), default=0) if found else 0,
        "average": _average(found) if found else [],
        "day": day,
        "later": later,
        "during": None if found is None or day is None else during(found, day, later, ask),
        "names": [name for name in names_of(summary)[:_NAMES] if askable(name)],
        "back": _back(state["return"]) if later is not None else {},
        "nothing_open": NOTHING_OPEN,
    }


def during(found: Cohorts, day: date, later: int | None, ask: Asking) -> Any:
    """From when to when somebody who came first at a moment was there, so many periods later; clipped to the range."""
    among = found.range
    starts = [midnight(one.period, ask.tz) for one in found.cohorts]
    number = [one.period for one in found.cohorts].index(day)

    def stretch(first_at: datetime) -> tuple[datetime, datetime]:
        if later is None:
            return among.from_, among.to
        if ask.state["periods"] == "rolling":
            length = timedelta(days=ROLLING_DAYS[found.unit])
            begins = first_at + later * length
            ends = begins + length
        else:
            place = number + later
            begins = starts[place]
            ends = starts[place + 1] if place + 1 < len(starts) else among.to
        return max(begins, among.from_).astimezone(UTC), min(ends, among.to).astimezone(UTC)

    return stretch


def _unit(wanted: str | None, length: timedelta) -> Unit:
    """The unit that is asked for, or that suits a range so long."""
    for unit in _UNITS:
        if unit == wanted:
            return unit
    return next((unit for unit, most in _UNITS.items() if length <= most), "month")


def _asked(state: State, unit: Unit, day: date | None, later: int | None) -> dict[str, Any]:
    for name, allowed in (("unit", tuple(_UNITS)), ("periods", ("calendar", "rolling")), ("first", ("ever", "range"))):
        if state[name] not in (None, *allowed):
            raise ParameterError(name, state[name], f"it is one of {', '.join(allowed)}")
    return {
        "unit": unit,
        "periods": state["periods"] or "calendar",
        "first": state["first"] or "ever",
        "return_action": state["return"],
        "people_of": day,
        "people_in": later,
        "limit": _PEOPLE,
        "cursor": state["cursor"],
    }


def _opened(opened: str | None) -> tuple[date | None, int | None]:
    """Which cohort is open, and in which period; None for all of it: ``2026-11-02~3``."""
    if opened is None:
        return None, None
    day, _, later = opened.partition("~")
    try:
        return date.fromisoformat(day), int(later) if later else None
    except ValueError:
        raise ParameterError("open", opened, "it is the first day of a cohort, and ~N for a period of it") from None


def _back(action: str | None) -> dict[str, str]:
    """Filters of what counts as coming back."""
    if action is None:
        return {}
    kind, _, name = action.partition(".")
    return {"action_type": kind, "action_name": name}


def _average(found: Cohorts) -> list[float | None]:
    """For each period the share that was there, of all cohorts for which it is over."""
    columns = max((len(one.returned) for one in found.cohorts), default=0)
    shares: list[float | None] = []
    for number in range(columns):
        over = [one for one in found.cohorts if number < len(one.returned) and one.complete[number]]
        people = sum(one.users for one in over)
        shares.append(sum(one.returned[number] for one in over) / people if people else None)
    return shares
