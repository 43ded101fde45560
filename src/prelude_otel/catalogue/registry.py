"""A set of activities, found by ``type.name``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from prelude_otel.catalogue.model import Activity
from prelude_otel.errors import CatalogueError, UnknownActivityError

__all__ = ["Catalogue"]


class Catalogue:
    """Activities by ``type.name``. Adding the same declaration twice is harmless; another under the same name is an error."""

    __slots__ = ("_activities",)

    def __init__(self, activities: Iterable[Activity] = ()) -> None:
        self._activities: dict[str, Activity] = {}
        self.update(activities)

    def __iter__(self) -> Iterator[Activity]:
        return iter(self._activities.values())

    def __len__(self) -> int:
        return len(self._activities)

    def __contains__(self, key: object) -> bool:
        return key in self._activities

    def add(self, activity: Activity) -> None:
        """Add one activity.

        Raises:
            CatalogueError: its name is taken by a different declaration.
        """
        known = self._activities.setdefault(activity.key, activity)
        if known != activity:
            raise CatalogueError(f"{activity.key!r} is declared twice, differently: {known} and {activity}")

    def update(self, activities: Iterable[Activity]) -> None:
        """Add several activities, as `add` does."""
        for activity in activities:
            self.add(activity)

    def get(self, key: str) -> Activity | None:
        """The activity called ``type.name``, or None."""
        return self._activities.get(key)

    def resolve(self, key: str) -> Activity:
        """The activity called ``type.name``.

        Raises:
            UnknownActivityError: nobody declared it; names the nearest that somebody did.
        """
        activity = self._activities.get(key)
        if activity is None:
            near = get_close_matches(key, self._activities, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UnknownActivityError(
                f"no activity is called {key!r}; {hint}Declare it with prelude_otel.declare() or in a catalogue file"
            )
        return activity
