"""Counts of a report, added up portion by portion within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

__all__ = ["MOST_NAMES", "Count", "Looks", "Tally"]

MOST_NAMES: Final = 20_000
"""Names (of people, actions, services; of looks) that are counted one by one; more are counted together, so that memory is bounded."""
_BY_ACTION, _BY_PERSON, _BY_SERVICE, _ALL = 0b011, 0b101, 0b110, 0b111


@dataclass(slots=True)
class Count:
    """How many, and the first and last of them."""

    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    statuses: dict[str, int] = field(default_factory=dict)

    def add(self, rows: int, first: datetime | None, last: datetime | None, status: str | None = None) -> None:
        """Add what was counted elsewhere."""
        self.rows += rows
        self.first = min((one for one in (self.first, first) if one is not None), default=None)
        self.last = max((one for one in (self.last, last) if one is not None), default=None)
        if status is not None:
            self.statuses[status] = self.statuses.get(status, 0) + rows


@dataclass(slots=True)
class Tally:
    """All counts.

    Attributes:
        sealed: rows that have a leaf.
        others: what was counted together, by which of the three; there are more than `MOST_NAMES`.
    """

    whole: Count = field(default_factory=Count)
    sealed: int = 0
    actions: dict[tuple[str, str], Count] = field(default_factory=dict)
    people: dict[str | None, Count] = field(default_factory=dict)
    services: dict[str | None, Count] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)

    def add(self, line: tuple[Any, ...]) -> None:
        """Add a line of `questions.counts`, without what stands before its counts."""
        grouped, kind, name, status, person, service, rows, first, last, sealed = line
        if grouped == _ALL:
            self.whole.add(rows, first, last)
            self.sealed += sealed
        elif grouped == _BY_ACTION:
            self._named("actions", (kind, name)).add(rows, first, last, status)
        elif grouped == _BY_PERSON:
            self._named("people", person).add(rows, first, last)
        elif grouped == _BY_SERVICE:
            self._named("services", service).add(rows, first, last)

    def _named(self, what: str, key: Any) -> Count:
        counts: dict[Any, Count] = getattr(self, what)
        if key not in counts and len(counts) >= MOST_NAMES:
            self.others[what] = self.others.get(what, 0) + 1
            return Count()
        return counts.setdefault(key, Count())


@dataclass(slots=True)
class Looks:
    """Who looked at what: by reader, route, and whose data."""

    found: dict[tuple[str, str, str], tuple[Count, set[str]]] = field(default_factory=dict)
    refused: dict[tuple[str, str, str], int] = field(default_factory=dict)
    total: int = 0
    others: int = 0

    def add(self, line: tuple[Any, ...]) -> None:
        """Add a line of `questions.reads`."""
        reader, route, role, token, *whose, rows, refused, first, last = line
        self.total += rows
        key = (reader or "nobody", route or "", _whose(*whose))
        if key not in self.found and len(self.found) >= MOST_NAMES:
            self.others += rows
            return
        count, credentials = self.found.setdefault(key, (Count(), set()))
        count.add(rows, first, last)
        credentials.add(f"{token} ({role})")
        self.refused[key] = self.refused.get(key, 0) + refused


def _whose(
    person: str | None, kind: str | None, entity: str | None, session: str | None, customer: str | None, q: str | None
) -> str:
    """Whose data a look was narrowed to, by its filters."""
    named = {"person": person, "session": session, "customer": customer, "search": q}
    said = [f"{name} {value}" for name, value in named.items() if value]
    if kind or entity:
        said.insert(0, f"entity {kind or '?'}:{entity or '*'}")
    return ", ".join(said) or "everybody"
