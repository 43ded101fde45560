"""What there is to say of a screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from prelude_analytics.access import Role

__all__ = ["Screen", "Told"]

Told: TypeAlias = Literal["", "counts", "people", "rows"]


@dataclass(frozen=True, slots=True)
class Screen:
    """One page.

    Attributes:
        name: of its template.
        path: behind ``/analytics``; empty for the first.
        title: in the menu, and on top.
        key: goes there after ``g``.
        refresh: seconds after which it looks for news; 0: it does not.
        about: parameters that say which one thing it is about; they are no chips, and do not come along to other screens.
        within: name of the screen that the menu marks instead of this one.
        roles: for whom it is.
        days: the range where the address has none; 0: as the API.
        told: what it tells of its range: counts, which outlive rows, what people did, or rows; empty: it has no range.
    """

    name: str
    path: str
    title: str
    key: str
    refresh: int = 10
    about: tuple[str, ...] = ()
    within: str = ""
    days: int = 0
    roles: tuple[Role, ...] = ("self", "all", "govern")
    told: Told = ""
