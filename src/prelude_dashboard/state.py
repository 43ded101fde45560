"""What a page shows, read from its address and written into links: pure functions. A link is a saved view."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from prelude_analytics.filters import Filters

__all__ = ["CUT", "FILTERS", "ROOT", "SEPARATOR", "State", "askable"]

ROOT: Final = "/analytics"
"""Before the path of every page."""

FILTERS: Final[tuple[str, ...]] = tuple(name for name in Filters.__dataclass_fields__ if name != "tz")
"""Names of filters, in the order in which they are shown."""

SEPARATOR: Final = "~"
"""Between the parts of a value that has several."""
_PART: Final = re.compile(r"(columns)\.(.+)")
"""How a form names the parts of a parameter that has several: no parameter may stand twice."""
_RANGE: Final = ("days", "from", "to")
_KEPT: Final = ("tz", "kiosk")
"""What a view keeps, whatever else changes."""
_MOST: Final = 500
"""Characters of a filter's value."""
CUT: Final = re.compile("…[0-9a-f]{32}$")
"""The end of a value that figures have cut."""
_PLACES: Final = ("cursor", "as_of", "open")
"""Places in one list: other filters or another range make another list."""


@dataclass(frozen=True, slots=True)
class State:
    """The query of a page.

    Attributes:
        values: parameters by name, without empty ones, in order.
    """

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, query: Iterable[tuple[str, str]]) -> State:
        """The state in the pairs of a query; of a name that stands twice the last counts, and an empty value is none.

        Parts that a form gives one by one, ``columns.user=1&columns.page=1``, are one value, ``columns=user~page``.
        """
        values: dict[str, str] = {}
        for name, value in query:
            if value and (part := _PART.fullmatch(name)):
                values[part[1]] = SEPARATOR.join(filter(None, (values.get(part[1]), part[2])))
            elif value:
                values[name] = value
        return cls(values)

    def __getitem__(self, name: str) -> str | None:
        """The value of a parameter; None where it is not given."""
        return self.values.get(name)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name."""
        return {name: self.values[name] for name in FILTERS if name in self.values}

    @property
    def range(self) -> dict[str, str]:
        """``days``, ``from``, ``to`` and ``tz``, as far as they are given."""
        return {name: self.values[name] for name in (*_RANGE, "tz") if name in self.values}

    def within(self, days: int) -> State:
        """The same with a range of so many days, where it has none; 0 days: the same."""
        if not days or any(name in self.values for name in _RANGE):
            return self
        return State({**self.values, "days": str(days)})

    def url(self, screen: str = "", **changes: Any) -> str:
        """The address of a screen in the same view.

        Args:
            screen: its path behind `ROOT`, e.g. ``/activities``.
            changes: parameters; None takes one away. ``from_`` stands for ``from``. A change of filters or range leaves places in lists
                behind, unless they are given, too.
        """
        named = {name.rstrip("_"): _text(value) for name, value in changes.items()}
        values = dict(self.values)
        if any(name in named for name in (*FILTERS, *_RANGE, "tz")):
            values = {name: value for name, value in values.items() if name not in _PLACES}
        if any(name in named for name in _RANGE):
            values = {name: value for name, value in values.items() if name not in _RANGE}
        values |= named
        ordered = [(name, value) for name, value in sorted(values.items(), key=_order) if value]
        return f"{ROOT}{screen}" + (f"?{urlencode(ordered)}" if ordered else "")

    def go(self, screen: str, **changes: Any) -> str:
        """The address of another screen: filters, range and zone come along, what belongs to this screen alone does not.

        Args:
            screen: its path behind `ROOT`.
            changes: as for `url`.
        """
        return State(
            self.filters | self.range | {name: self.values[name] for name in _KEPT if name in self.values}
        ).url(screen, **changes)

    def to(self, screen: str, **about: Any) -> str:
        """The address of a page about one thing: range and zone come along, filters do not.

        Args:
            screen: its path behind `ROOT`.
            about: which thing; as changes for `url`.
        """
        kept = {name: self.values[name] for name in _KEPT if name in self.values}
        return State(self.range | kept).url(screen, **about)

    def rows(self, answer: Any, **changes: Any) -> str:
        """The list of just the rows that a figure counted.

        Args:
            answer: with ``watermark`` and ``range``, as all figures have.
            changes: filters of the mark, and ``from_`` and ``to`` where it is of a part of the range.
        """
        whole = {"from_": answer.range.from_, "to": answer.range.to, "as_of": answer.watermark.cursor}
        return State(self.filters | {name: self.values[name] for name in _KEPT if name in self.values}).url(
            "/activities", **(whole | changes)
        )


def askable(value: str | None) -> bool:
    """Whether a filter finds `value`: one that is not too long for it, and not one of which figures keep the beginning and a hash."""
    return bool(value) and len(value or "") <= _MOST and not CUT.search(value or "")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _order(pair: tuple[str, str]) -> tuple[int, str]:
    name = pair[0]
    return (FILTERS.index(name) if name in FILTERS else len(FILTERS), name)
