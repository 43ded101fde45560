"""A filter, taken apart: the one value by which it is found, and the rest, which is checked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from prelude_analytics.filters import NONE, Filters
from prelude_analytics.live.entry import EQUALS

if TYPE_CHECKING:
    from prelude_analytics.live.entry import Entry

__all__ = ["Condition", "Key"]

Key = tuple[str, str]
"""A column, or ``tag``, and its value."""

_MOST_SELECTIVE_FIRST: Final = (
    "session_id",
    "entity_id",
    "user_email",
    "tag",
    "action_name",
    "entity_type",
    "action_type",
    "service_name",
    "result_status",
)
_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class Condition:
    """Which entries belong to a subscriber.

    Attributes:
        key: an entry without this value can't fit; None where a filter names no value.
    """

    __slots__ = ("_rest", "_search", "_tag", "everything", "key")

    def __init__(self, filters: Filters) -> None:
        given = filters.given
        compared = {other: value for other, value in given.items() if other in EQUALS and value != NONE}
        name = next(
            (name for name in _MOST_SELECTIVE_FIRST if name in compared or (name == "tag" and name in given)), None
        )
        self.key: Key | None = None if name is None else (name, given[name])
        self.everything = not given
        self._rest = tuple((other, value) for other, value in compared.items() if other != name)
        self._tag = None if name == "tag" else given.get("tag")
        searched = {other: value for other, value in given.items() if other not in compared and other != "tag"}
        self._search = Filters(**searched) if searched else None

    def rest_fits(self, entry: Entry) -> bool:
        """Whether `entry`, which has the value of `key`, fits."""
        equals = entry.equals
        for name, value in self._rest:
            if equals.get(name) != value:
                return False
        if self._tag is not None and self._tag not in entry.tags:
            return False
        if self._search is None:
            return True
        # What reads as the status has been settled; a search does not look at it.
        return entry.row is not None and self._search.matches(orjson.loads(entry.row), _LONG_AGO)

    def fits(self, entry: Entry) -> bool:
        """Whether `entry` fits."""
        if self.key is not None:
            name, value = self.key
            if value not in entry.tags if name == "tag" else entry.equals.get(name) != value:
                return False
        return self.rest_fits(entry)
